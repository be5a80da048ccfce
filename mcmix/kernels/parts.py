"""Functions that only kernels call, compiled as far as kernels need them: no machine code of their own.

Numba makes an object file of every function that it compiles. What is linked into a kernel needs none: it is optimised
and becomes machine code there. This file is the one that knows how numba is told so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]


class _Part(JITCodeLibrary):
    """Code that others link, which no engine gets."""

    optimised = False

    def _optimize_final_module(self) -> None:
        """What is linked will be optimised with what it is linked into."""
        if self.optimised:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _Name:
    """What stands for a function that cannot be called."""


class _PartCompiler(_FunctionCompiler):
    """As numba compiles any function, into a library of ours."""

    optimised = False

    def _customize_flags(self, flags: Any) -> Any:
        flags.no_compile = True  # nothing that can be called by itself
        return flags

    def _compile_core(self, args: Any, return_type: Any) -> Any:
        flags = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        context = self.targetdescr.target_context
        library = _Part(context.codegen(), self.py_func.__qualname__)
        library.optimised = self.optimised
        result = compiler.compile_extra(
            self.targetdescr.typing_context,
            context,
            self.py_func,
            args=args,
            return_type=return_type,
            flags=self._customize_flags(flags),
            locals=self.locals,
            library=library,
            pipeline_class=self.pipeline_class,
        )
        if result.typing_error is not None:
            raise result.typing_error
        name = _Name()
        context.insert_user_function(name, result.fndesc, [result.library])
        return result._replace(entry_point=name)


def part(function: Callable[..., Any], optimised: bool, **options: Any) -> Any:
    """Compile what kernels call, without machine code and without wrappers by which Python would call it.

    Parameters
    ----------
    function : callable
    optimised : bool
        Whether to optimise it by itself first, not only where it is linked.
    **options
        Of numba's `njit`.
    """
    compiled = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
    usual = compiled._compiler
    compiled._compiler = _PartCompiler(
        usual.py_func, usual.targetdescr, usual.targetoptions, usual.locals, usual.pipeline_class
    )
    compiled._compiler.optimised = optimised
    return compiled

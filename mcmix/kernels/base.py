"""What every kernel stands on: one way to compile, to see memory by address, and to call by address.

A kernel that the compiled driver runs has one uniform shape: it takes whole numbers (addresses and sizes) and
returns a number. That is what lets a driver, compiled once and cached on disk, run any plan without compiling
anything for a model. This file is the only one that knows how numba does it.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import config, njit, types
from numba.core import cgutils
from numba.core.errors import NumbaWarning
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from mcmix.kernels import interpreted
from mcmix.kernels.parts import part
from mcmix.screen import is_watched, say, show

COMPILED = not config.DISABLE_JIT  # else kernels run as the Python that they are, slowly: for tests and debuggers

# Everything that ends up in machine code: the kernels, and the families' scalar densities that they inline.
_SOURCE_FOLDERS = (Path(__file__).parent, Path(__file__).parent.parent / "distributions")

_one_at_a_time = threading.RLock()

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


@cache
def _stamp_of_all_kernels() -> tuple[float, int]:
    """Newest change and total size of the sources: kernels inline each other across files."""
    stats = [os.stat(path) for folder in _SOURCE_FOLDERS for path in sorted(folder.rglob("*.py"))]
    return max(s.st_mtime for s in stats), sum(s.st_size for s in stats)


def _keep(disk_cache: Any) -> None:
    """Keep compiled code on disk where that can be: never with old code in it, never as a reason to stop."""
    _share_stamp(disk_cache)
    load, save = disk_cache.load_overload, disk_cache.save_overload

    def load_overload(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # whatever unpickling raises at a file that was cut
            _say_once("compiled code that was kept is damaged, and is compiled anew")
            with suppress(OSError):
                disk_cache.flush()
            return None

    def save_overload(*arguments: Any) -> None:
        try:
            save(*arguments)
        except OSError as error:
            _say_once(f"{_NOT_KEPT} ({error.strerror or error})")

    disk_cache.load_overload, disk_cache.save_overload = load_overload, save_overload


_NOT_KEPT = (
    "compiled code cannot be kept, so that every process compiles anew, for 15 to 20 seconds; let NUMBA_CACHE_DIR "
    "name a folder that can be written to"
)


class _Compiled:
    """How many kernels this process has compiled because no cache had them, and for how long."""

    def __init__(self) -> None:
        self.kernels, self.seconds = 0, 0.0

    def count(self, seconds: float) -> None:
        """One more."""
        self.kernels, self.seconds = self.kernels + 1, self.seconds + seconds
        self.tell()

    def tell(self) -> None:
        """Show it to who watches, in one line; scripts hear nothing."""
        if is_watched():
            so_far = f"{self.kernels} in {self.seconds:.0f} s" if self.kernels else "usual models take 10 to 20 s"
            show(f"mcmix: compiling kernels, once on this machine: {so_far}")


compiled_here = _Compiled()


def _announce(compiled: Any) -> None:
    """Count what is not in the cache and is compiled, and show that to who watches."""
    anew = compiled._compile_uncached

    def compile_uncached() -> Any:
        compiled_here.tell()
        before = time.perf_counter()
        found = anew()
        compiled_here.count(time.perf_counter() - before)
        return found

    compiled._compile_uncached = compile_uncached


@cache
def _say_once(text: str) -> None:
    say(f"mcmix: {text}", error=True)


def _share_stamp(disk_cache: Any) -> None:
    """Make numba's disk cache notice a change in any kernel file, not only in the function's own.

    Numba stamps a cached function with its own source file. A kernel in one file that inlines a function of
    another would silently keep the old code; the stamp of the whole folder does not.
    """
    disk_cache._cache_file._source_stamp = _stamp_of_all_kernels()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function over arrays and scalars: cached on disk, without the GIL, NaN and infinity honest."""
    if not COMPILED:
        return interpreted.forgiving(function)
    try:
        compiled = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder can be written to: said when something is compiled
        return njit(**_OPTIONS)(function)
    _keep(compiled._cache)
    return compiled


def inline(function: Callable[..., Any]) -> Any:
    """Compile a small function that other kernels call; it needs no cache entry of its own.

    Forced inlining is what lets the compiler move whatever depends on parameters alone out of the loops over rows.
    """
    return _for_kernels(function, forceinline=True, **_OPTIONS) if COMPILED else interpreted.forgiving(function)


def unrolled(function: Callable[..., Any]) -> Any:
    """As `inline`, for a loop of fixed length: it is taken apart before the function is inlined.

    A loop cannot be moved out of a loop over rows; what becomes of one that was taken apart can.
    """
    return _for_kernels(function, True, forceinline=True, **_OPTIONS) if COMPILED else interpreted.forgiving(function)


def helper(fastmath: Collection[str] = ()) -> Callable[[Callable[..., Any]], Any]:
    """Compile a larger function that other kernels call, once for all of them.

    Parameters
    ----------
    fastmath : collection of str
        What the compiler may do to sums and products.
    """
    options = {**_OPTIONS, "fastmath": set(fastmath)}
    return lambda function: _for_kernels(function, **options) if COMPILED else function


def _for_kernels(function: Callable[..., Any], optimised: bool = False, **options: Any) -> Any:
    """Compile what kernels call without the wrappers by which Python would: they took a fifth of the time."""
    compiled = part(function, optimised, **options)

    def add_overload(result: Any) -> None:
        compiled.overloads[tuple(result.signature.args)] = result

    @cache
    def for_python() -> Any:
        return njit(**options)(function)

    # numba would hand Python an entry that is not there: what Python calls (a test, say) is compiled with one
    compiled.add_overload = add_overload
    compiled._compile_for_args = lambda *values, **named: for_python()._compile_for_args(*values, **named)
    return compiled


class AddressedKernel:
    """A kernel that compiled code calls by its address. It is compiled (or read from the cache) when first asked for.

    Parameters
    ----------
    function : callable
        Takes `n_arguments` whole numbers, returns a whole number.
    n_arguments : int
    variant : str
        What tells it from others made of the same function.
    reads : numpy.dtype, optional
        The record (:mod:`mcmix.kernels.records`) that its first argument is the address of.
    """

    def __init__(
        self, function: Callable[..., int], n_arguments: int, variant: str = "", reads: np.dtype | None = None
    ):
        self.variant = variant
        self.reads = reads
        self.function = function
        self.n_arguments = n_arguments
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self._compiled: Any = None

    @property
    def address(self) -> int:
        """Where the machine code starts; compiles on first use."""
        if self._compiled is None:
            with _one_at_a_time:  # chains on threads may ask for the same one at once
                if self._compiled is None:
                    self._compiled = self._made()
        return int(self._compiled.address)

    @property
    def kept_in(self) -> str:
        """The folder that keeps its compiled code, once there is any; empty where none can be written to."""
        disk_cache = getattr(self._compiled, "_cache", None)
        return str(getattr(disk_cache, "cache_path", "") or "")

    def _made(self) -> Any:
        if not COMPILED:
            return interpreted.registered(self.function)
        with warnings.catch_warnings():
            # a record that begins as another may stand for it: numba says so whenever one function reads both
            warnings.filterwarnings("ignore", message=r"(?s).*considered a subtype", category=NumbaWarning)
            return self._compile()

    def _compile(self) -> Any:
        from numba.core.ccallback import CFunc

        signature = types.int64(*[types.int64] * self.n_arguments)
        compiled: Any = CFunc(self.function, (signature.args, signature.return_type), locals={}, options=dict(_OPTIONS))
        try:
            compiled.enable_caching()
        except RuntimeError:
            _say_once(f"{_NOT_KEPT} (no folder can be written to)")
            compiled.compile()
            return compiled
        _keep(compiled._cache)
        _announce(compiled)
        if self.variant:  # numba would key a closure by its pickled cells, which differ in every process
            compiled._cache._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), self.variant)
        compiled.compile()
        return compiled


def step_kernel(function: Callable[..., int]) -> AddressedKernel:
    """A step of a sweep: `(record, reals, stream)` addresses in, status out (0 is well)."""
    return AddressedKernel(function, 3)


def step_of(kind: np.dtype) -> Callable[[Callable[..., int]], AddressedKernel]:
    """As `step_kernel`, for a step that is told what it needs by a record of this kind."""
    return lambda function: AddressedKernel(function, 3, reads=kind)


def tile_of(kind: np.dtype) -> Callable[[Callable[..., int]], AddressedKernel]:
    """What a pass (a record of this kind) calls for a tile: `(told, pass, first unit, units)` in, status out."""
    return lambda function: AddressedKernel(function, 4, reads=kind)


def weigher_of(kind: np.dtype) -> Callable[[Callable[..., int]], AddressedKernel]:
    """As `tile_of`, with one more number that the pass hands over."""
    return lambda function: AddressedKernel(function, 5, reads=kind)


if COMPILED:

    @intrinsic
    def call(typingctx: Any, address: Any, arguments: Any) -> Any:
        """Call the addressed kernel at `address` with a tuple of whole numbers."""
        signature = types.int64(types.int64, arguments)

        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            words = cgutils.unpack_tuple(builder, values[1])
            word = context.get_value_type(types.int64)
            from llvmlite import ir

            function_type = ir.FunctionType(word, [word] * len(words))
            function = builder.inttoptr(values[0], function_type.as_pointer())
            return builder.call(function, words)

        return signature, codegen

    @intrinsic
    def bits_of(typingctx: Any, number: Any) -> Any:
        """The bits of a double as a whole number."""

        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return builder.bitcast(values[0], context.get_value_type(types.int64))

        return types.int64(types.float64), codegen

    @intrinsic
    def double_of(typingctx: Any, bits: Any) -> Any:
        """The double that has these bits."""

        def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return builder.bitcast(values[0], context.get_value_type(types.float64))

        return types.float64(types.int64), codegen

    def _view(dtype: types.Type, text: str) -> Any:
        """An array of this type over memory that somebody else keeps: a few instructions (`carray` is a function)."""
        array = types.Array(dtype, 1, "C")

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            seen = make_array(array)(context, builder)
            data = builder.inttoptr(arguments[0], context.get_data_type(dtype).as_pointer())
            size = cgutils.intp_t(dtype.bitwidth // 8)
            populate_array(seen, data, shape=(arguments[1],), strides=(size,), itemsize=size, meminfo=None)
            return seen._getvalue()

        def typed(typingctx: Any, address: Any, n: Any) -> Any:
            return array(types.int64, types.intp), codegen

        typed.__doc__ = text
        return intrinsic(typed)

    floats = _view(types.float64, "The n doubles at an address, as an array over the same memory.")
    integers = _view(types.int64, "The n whole numbers (int64) at an address, as an array over the same memory.")
    words = _view(types.uint64, "The n unsigned words (uint64) at an address, as an array over the same memory.")
    bytes_at = _view(types.uint8, "The n bytes (uint8) at an address, as an array over the same memory.")
    shorts_at = _view(types.uint16, "The n short whole numbers (uint16) at an address, over the same memory.")

else:
    bits_of, double_of, call = interpreted.bits_of, interpreted.double_of, interpreted.call
    floats, integers, words = interpreted.floats, interpreted.integers, interpreted.words
    bytes_at, shorts_at = interpreted.bytes_at, interpreted.shorts_at


def address_of(array: np.ndarray) -> int:
    """Where a contiguous array's memory starts. The caller keeps the array alive."""
    flags = array.flags
    if not flags.c_contiguous:
        raise ValueError("only contiguous arrays have one address")
    if array.base is None and flags.writeable and array.size:  # quick, but some views would warn of being written to
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    return int(array.ctypes.data)


CACHE_LINE = 64
PADDING = 4 * CACHE_LINE  # processors fetch neighbouring lines in pairs


def apart(shape: int | tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Zeros that share no cache line with other arrays: what one chain writes must not slow another down."""
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    item = np.dtype(dtype).itemsize
    room = np.zeros(count * item + 2 * PADDING, dtype=np.uint8)
    start = PADDING - address_of(room) % CACHE_LINE
    return room[start : start + count * item].view(dtype).reshape(shape)


def python_callback(function: Callable[..., int], n_arguments: int = 0) -> tuple[Any, int]:
    """A Python function of whole numbers that compiled code can call by address (it takes the GIL meanwhile)."""
    if not COMPILED:
        return function, interpreted.registered(function).address
    kept = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * n_arguments)(function)
    return kept, ctypes.cast(kept, ctypes.c_void_p).value or 0


@cache
def _prototype(n_arguments: int) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * n_arguments)


def ready(address: int, *arguments: int) -> Callable[[], int]:
    """A call of a kernel with these arguments, made once and quick to repeat: :func:`run` looks it up each time."""
    if not COMPILED:
        return lambda: int(interpreted.call(address, arguments))
    words = [ctypes.c_int64(a) for a in arguments]
    compiled = _prototype(len(arguments))(address)
    return lambda: int(compiled(*words))


def run(address: int, *arguments: int) -> int:
    """Call a kernel by its address from Python; compiled ones release the GIL meanwhile. Returns the status."""
    if not COMPILED:
        return int(interpreted.call(address, arguments))
    return int(_prototype(len(arguments))(address)(*arguments))

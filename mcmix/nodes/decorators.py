"""Decorators that turn plain functions into nodes; the arguments' defaults are the parents."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, overload

from mcmix.errors import ModelError
from mcmix.nodes.deterministic import Deterministic, Potential, parents_from_defaults
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic


@overload
def deterministic(function: Callable[..., Any], **keywords: Any) -> Deterministic: ...
@overload
def deterministic(function: None = None, **keywords: Any) -> Callable[[Callable[..., Any]], Deterministic]: ...
def deterministic(function: Callable[..., Any] | None = None, **keywords: Any) -> Any:
    """Make a :class:`Deterministic` from a function whose arguments' defaults are its parents.

    Parameters
    ----------
    function : callable
        Bare use; with keywords (``@deterministic(name="tau", trace=False)``) it is passed afterwards.
    name, doc, trace, dims, coords : optional
        As for :class:`Deterministic`; by default the function's name and docstring, kept in the trace.

    Examples
    --------
    >>> import mcmix as mc
    >>> sd = mc.Uniform("sd", 0, 100, value=2.0)
    >>> @mc.deterministic
    ... def tau(sd=sd):
    ...     return 1 / sd**2
    >>> float(tau.value)
    0.25
    """

    def build(function: Callable[..., Any]) -> Deterministic:
        name, doc, rest = _name_and_doc(function, keywords, Deterministic)
        return Deterministic(function, doc, name, parents_from_defaults(function, name), **rest)

    return build if function is None else build(function)


@overload
def potential(function: Callable[..., Any], **keywords: Any) -> Potential: ...
@overload
def potential(function: None = None, **keywords: Any) -> Callable[[Callable[..., Any]], Potential]: ...
def potential(function: Callable[..., float] | None = None, **keywords: Any) -> Any:
    """Make a :class:`Potential` from a function that returns a log density; its defaults are the parents.

    Examples
    --------
    >>> import mcmix as mc, numpy as np
    >>> mu = mc.Normal("mu", 0, 1, size=2, value=[0.0, 1.0])
    >>> @mc.potential
    ... def ordered(mu=mu):
    ...     return np.where(mu[0] < mu[1], 0.0, -np.inf)
    >>> ordered.logp
    0.0
    """

    def build(function: Callable[..., float]) -> Potential:
        name, doc, rest = _name_and_doc(function, keywords, Potential)
        return Potential(function, doc, name, parents_from_defaults(function, name), **rest)

    return build if function is None else build(function)


@overload
def stochastic(function: Callable[..., Any], **keywords: Any) -> Stochastic: ...
@overload
def stochastic(function: None = None, **keywords: Any) -> Callable[[Callable[..., Any]], Stochastic]: ...
def stochastic(function: Callable[..., Any] | None = None, **keywords: Any) -> Any:
    """Make a :class:`Stochastic` from a function of ``value`` and the parents.

    Two forms. Short: the function returns the log density of ``value``. Long: it defines nested functions
    ``logp(value, ...)`` and, if it can be drawn from, ``random(...)``, and needs no return statement. The default of
    ``value`` is the start value (the data when observed); the other defaults are the parents.

    Parameters
    ----------
    function : callable
    observed, dtype, trace, name, doc, dims, coords : optional

    Examples
    --------
    >>> import mcmix as mc
    >>> @mc.stochastic
    ... def switch(value=3, low=0, high=10):
    ...     return 0.0 if low <= value <= high else float("-inf")
    >>> switch.logp
    0.0
    """

    def build(function: Callable[..., Any]) -> Stochastic:
        name, doc, rest = _name_and_doc(function, keywords, Stochastic)
        if "value" not in inspect.signature(function).parameters:
            raise ModelError(f"{name}: a @stochastic function expects an argument named 'value', got none")
        start, parents = _start_and_parents(function, name)
        logp, random = _pieces(function, name)
        return Stochastic(logp, doc, name, parents, random=random, value=rest.pop("value", start), **rest)

    return build if function is None else build(function)


@overload
def observed(thing: Stochastic | Callable[..., Any], **keywords: Any) -> Stochastic: ...
@overload
def observed(thing: None = None, **keywords: Any) -> Callable[[Callable[..., Any]], Stochastic]: ...
def observed(thing: Any = None, **keywords: Any) -> Any:
    """Mark data: as a decorator of a ``value`` function, or applied to a random node (which keeps its value).

    Examples
    --------
    >>> import mcmix as mc
    >>> y = mc.observed(mc.Normal("y", 0, 1, value=[0.1, 0.2]))
    >>> y.observed
    True
    """
    if isinstance(thing, Stochastic):
        return thing.observe(thing.value)
    return stochastic(thing, observed=True, **keywords)


_COMMON = ("name", "doc", "trace", "cache_depth", "plot", "verbose")
_ACCEPTED = {
    Deterministic: (*_COMMON, "dtype", "dims", "coords"),
    Potential: (*[k for k in _COMMON if k != "trace"], "logp_partial_gradients"),
    Stochastic: (
        *_COMMON,
        "dtype",
        "observed",
        "value",
        "rseed",
        "check_logp",
        "logp_partial_gradients",
        "dims",
        "coords",
    ),  # fmt: skip
}


def _name_and_doc(
    function: Callable[..., Any], keywords: dict[str, Any], kind: type[Node]
) -> tuple[str, str, dict[str, Any]]:
    unknown = [k for k in keywords if k not in _ACCEPTED[kind]]
    if unknown:
        listed = ", ".join(map(repr, unknown))
        raise TypeError(f"{function.__name__}: unknown keyword {listed}; accepted: {', '.join(_ACCEPTED[kind])}")
    rest = dict(keywords)
    return rest.pop("name", function.__name__), rest.pop("doc", function.__doc__ or ""), rest


def _start_and_parents(function: Callable[..., Any], name: str) -> tuple[Any, dict[str, Any]]:
    parameters = inspect.signature(function).parameters
    start = parameters["value"].default
    parents = {}
    for key, parameter in parameters.items():
        if key == "value":
            continue
        if parameter.default is inspect.Parameter.empty:
            raise ModelError(f"{name}: expected a default value (the parent) for every argument, got none for {key!r}")
        parents[key] = parameter.default
    if isinstance(start, Node):
        raise ModelError(f"{name}: 'value' expects a start value or data, got the node {start.name!r}")
    return (None if start is inspect.Parameter.empty else start), parents


def _pieces(function: Callable[..., Any], name: str) -> tuple[Callable[..., float], Callable[..., Any] | None]:
    """(logp, random): the function itself in the short form, its nested functions in the long form."""
    nested = _nested_names(function)
    if "logp" not in nested:
        return function, None
    inner = _nested_functions(function, name, nested)
    return inner["logp"], inner.get("random")


def _nested_names(function: Callable[..., Any]) -> set[str]:
    constants = getattr(function, "__code__", None)
    codes = constants.co_consts if constants is not None else ()
    return {c.co_name for c in codes if hasattr(c, "co_name")} & {"logp", "random", "rand"}


def _nested_functions(function: Callable[..., Any], name: str, nested: set[str]) -> dict[str, Callable[..., Any]]:
    """Run the body once, with a return of its nested functions added, and collect them."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError) as error:
        raise ModelError(
            f"{name}: the source of the long form cannot be read; pass logp= and random= to Stochastic"
        ) from error
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    definition.args.defaults = [ast.Constant(None) for _ in definition.args.defaults]
    definition.body.append(ast.parse(f"return {{{', '.join(repr(n) + ': ' + n for n in sorted(nested))}}}").body[0])
    variables = inspect.getclosurevars(function)
    scope = {**getattr(function, "__globals__", {}), **variables.nonlocals}
    exec(compile(ast.fix_missing_locations(tree), f"<{name}>", "exec"), scope)  # noqa: S102  the user's own source
    parents = {k: p.default for k, p in inspect.signature(function).parameters.items()}
    found: dict[str, Callable[..., Any]] = scope[definition.name](**parents)
    if "rand" in found:
        found["random"] = found.pop("rand")
    return found

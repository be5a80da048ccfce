"""PyMC 2's functions of distributions, ``normal_like(x, mu, tau)``, ``rnormal(mu, tau, size)``, from the families.

The log densities take symbolic values, so a user's distribution that calls them is recorded like one of mcmix's own.
Draws come from NumPy's global stream: ``np.random.seed`` governs them as it did.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.nodes.constraints import as_array
from mcmix.pymc2 import old_distributions
from mcmix.pymc2.table import ROWS, Row
from mcmix.structure.chosen import ChosenRows
from mcmix.structure.expression import Expression, as_expression, event_density, holds_expression

DIRICHLET = Row("Dirichlet", "dirichlet", "Dirichlet")
_NUMBERS = frozenset([int, float, bool, np.float64, np.int64, np.bool_, np.int32, np.float32])


def numpy_stream() -> np.random.Generator:
    """A generator on the bits behind ``np.random.seed``."""
    return np.random.Generator(np.random.get_bit_generator())  # type: ignore[attr-defined]  # the stubs lack it


def like(row: Row) -> Callable[..., Any]:
    """The log density of a distribution, summed over the elements of x.

    Plain values give a float, minus infinity where x or a parameter is impossible; symbolic ones what stands for it.
    """
    family, names = row.family, _names(row)
    fixed = [row.fixed.get(p.name) for p in family.parameters]

    def of_numbers(x: Any, parameters: tuple[Any, ...], keywords: Mapping[str, Any]) -> float | None:
        """The quick way, for single plain numbers."""
        if keywords and keywords.keys() == set(names[len(parameters) :]):
            parameters = (*parameters, *[keywords[name] for name in names[len(parameters) :]])
        elif keywords:
            return None
        if len(parameters) != len(names) or type(x) not in _NUMBERS or any(type(p) not in _NUMBERS for p in parameters):
            return None
        given = iter(parameters)
        return family.logpdf_at(x, *[next(given) if number is None else number for number in fixed])

    def log_density(x: Any, *parameters: Any, **keywords: Any) -> Any:
        quick = of_numbers(x, parameters, keywords) if family.scalar_logpdf is not None else None
        if quick is not None:
            return quick
        values = _parameters(row, f"{row.stem}_like", parameters, keywords)
        value = _number(x)
        if row is DIRICHLET and value.shape[-1] == values[0].shape[-1] - 1:
            value = _with_last(value)
        return _summed(family, value, values)

    what = f"Log density of the {row.name} distribution, summed over x; minus infinity outside the support."
    return _named(log_density, f"{row.stem}_like", what, ["x", *_names(row)], {})


def draws(row: Row) -> Callable[..., Any]:
    """Draws from a distribution, of a given size or that of the parameters."""
    family = row.family

    def draw(*parameters: Any, **keywords: Any) -> Any:
        n = len(row.parameters)
        if len(parameters) > n + 1:
            raise TypeError(f"r{row.stem}: expected {', '.join(_names(row))} and size, got {len(parameters)} values")
        size = parameters[n] if len(parameters) > n else keywords.pop("size", None)
        values = _parameters(row, f"r{row.stem}", parameters[:n], keywords)
        drawn = np.asarray(family.draw(numpy_stream(), _shape(family, values, size), *values))
        if row is DIRICHLET:
            drawn = drawn[..., :-1]
        return drawn[()] if drawn.ndim == 0 else drawn

    what = f"Draws from the {row.name} distribution, of the given size (vectors and matrices: so many of them)."
    return _named(draw, f"r{row.stem}", what, _names(row), {"size": None})


def _names(row: Row) -> list[str]:
    return [p.alias or p.name for p in row.parameters]


def _named(
    function: Callable[..., Any], name: str, what: str, names: list[str], defaults: Mapping[str, Any]
) -> Callable[..., Any]:
    """Name, signature and documentation of a made function."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = "mcmix.pymc2"
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    parameters += [
        inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=v) for n, v in defaults.items()
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__doc__ = what
    return function


def _parameters(row: Row, what: str, positional: tuple[Any, ...], keywords: Mapping[str, Any]) -> list[Any]:
    """Canonical parameters in order, those fixed included; values may be symbolic.

    Raises
    ------
    TypeError
        If one is missing, given twice or unknown; the accepted names are listed.
    """
    family = row.family
    canonical = {key: p.name for p in row.parameters for key in (p.name, p.alias) if key}
    accepted = ", ".join([*_names(row), *family.alternatives])
    if len(positional) > len(row.parameters):
        raise TypeError(f"{what}: expected {accepted}, got {len(positional)} values")
    found = {**dict(zip((p.name for p in row.parameters), map(_number, positional), strict=False)), **row.fixed}
    for key, value in sorted(keywords.items(), key=lambda item: item[0] in family.alternatives):
        other = family.alternatives.get(key)
        name = other.replaces if other is not None and key not in canonical else canonical.get(key)
        if name is None or name in found:
            raise TypeError(f"{what}: {key!r} is {'unknown' if name is None else 'given twice'}; expected {accepted}")
        convert = other.convert if other is not None and key not in canonical else None
        found[name] = _number(value) if convert is None else convert(_number(value), found)
    values = [found.get(p.name, p.default) for p in family.parameters]
    if any(v is None for v in values):
        raise TypeError(f"{what}: expected {accepted}, got {', '.join(found) or 'none'}")
    return [_number(v) for v in values]


def _number(value: Any) -> Any:
    """An array, or something symbolic; a node stands for its present value."""
    if isinstance(value, ChosenRows):
        return value
    if isinstance(value, Expression) or holds_expression(value):
        return as_expression(value)
    return as_array(getattr(value, "value", value))


def _summed(family: Family, x: Any, parameters: list[Any]) -> Any:
    if any(isinstance(v, ChosenRows) for v in (x, *parameters)):
        return np.sum(family.log_density(x, *parameters))
    if not any(isinstance(v, Expression) for v in (x, *parameters)):
        with np.errstate(all="ignore"):
            return float(np.sum(family.logpdf(x, *parameters)))
    if family.event is not None and family.expression is None:
        return np.sum(event_density(family, x, parameters))
    return np.sum(family.log_density(x, *parameters))


def _with_last(weights: Any) -> Any:
    if isinstance(weights, Expression):
        return np.append(weights, 1.0 - np.sum(weights))
    return old_distributions.completed(weights)


def _shape(family: Family, parameters: list[Any], size: Any) -> tuple[int, ...]:
    """Shape of the draws: `size` or that of the parameters together, and the axes of an event."""
    pairs = list(zip(parameters, family.parameters, strict=True))
    batch = np.broadcast_shapes(*[np.shape(v)[: np.ndim(v) - p.event_ndim] for v, p in pairs])
    if size is not None:
        batch = tuple(int(n) for n in np.atleast_1d(size))
    event: tuple[int, ...] = ()
    if family.event_ndim:
        length = next(np.shape(v)[-1] for v, p in pairs if p.event_ndim)
        event = (length,) * family.event_ndim
    return (*batch, *event)


LIKES: dict[str, Callable[..., Any]] = {f"{row.stem}_like": like(row) for row in (*ROWS, DIRICHLET)}
DRAWS: dict[str, Callable[..., Any]] = {f"r{row.stem}": draws(row) for row in (*ROWS, DIRICHLET)}
LIKES["truncnorm_like"], DRAWS["rtruncnorm"] = LIKES["truncated_normal_like"], DRAWS["rtruncated_normal"]


# -------------------------------------------------------------------- NumPy on nodes


def _reduction(name: str) -> Callable[..., Any]:
    """NumPy's reduction, for lists that hold nodes and for generators too."""
    from mcmix.nodes.functions import pfunc
    from mcmix.nodes.node import Node

    function = getattr(np, name)

    def of_list(values: Any, *arguments: Any, **keywords: Any) -> Any:
        return function(as_expression(values) if holds_expression(values) else values, *arguments, **keywords)

    of_list.__name__ = name
    on_nodes = pfunc(of_list)

    def reduce(values: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(values, Node):
            return function(values, *arguments, **keywords)
        return on_nodes(list(values) if inspect.isgenerator(values) else values, *arguments, **keywords)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"NumPy's {name}: of nodes, a node; of numbers, a number."
    reduce.__module__ = "mcmix.pymc2"
    return reduce


REDUCTIONS = {name: _reduction(name) for name in ("sum", "any", "all")}

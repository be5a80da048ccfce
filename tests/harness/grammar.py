"""Small models made from the list of families alone: a new family brings its own.

Each family is the distribution of the data of two components, one of its parameters unknown at a time, with a prior
from every family whose values that parameter may take. What a prior may be is read off supports and constraints; a
constraint that has no row here ends in an error, not in a gap. Parameters that are known have their values from
`tests/family_examples.py`, and so have priors: proper and moderate, so that direct draws tell something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import mcmix as mc
from mcmix.distributions.family import Family, Parameter
from mcmix.steps import methods
from mcmix.steps.table import Choice
from tests.family_examples import EXAMPLES, VECTOR_EXAMPLES

ROWS = 5
LABELS = 2
MANY = 25  # more labels that do not separate than are enumerated one by one
HELD = ("NoStepper",)  # steps by hand that leave a variable where it is: there is nothing to test

Prepare = Callable[[mc.MCMC], object]
Made = tuple[list[Any], Prepare | None]


@dataclass(frozen=True)
class Small:
    """A small model that can be made again and again.

    Attributes
    ----------
    name : str
        Says all about it.
    family : str
        Of its data.
    make : callable
        () -> (nodes, prepare), the second for steps that are asked for by hand.
    has_gaps : bool
        Whether entries of its data are missing.
    """

    name: str
    family: str
    make: Callable[[], Made]
    has_gaps: bool = False

    def __repr__(self) -> str:
        return f"<small model: {self.name}>"


# -------------------------------------------------------------------- what parameters may be


@dataclass(frozen=True)
class Range:
    """Numbers that a parameter may be.

    Attributes
    ----------
    low, high : float
    moderate : tuple of float
        Where priors with bounds of their own put them.
    is_open : bool
        Whether `low` itself is ruled out.
    whole : bool
        Whole numbers only.
    """

    low: float
    high: float
    moderate: tuple[float, float]
    is_open: bool = False
    whole: bool = False


RANGES = {
    "real": Range(-np.inf, np.inf, (-1.0, 2.5)),
    "positive": Range(0.0, np.inf, (0.3, 3.0), is_open=True),
    "nonnegative": Range(0.0, np.inf, (0.3, 3.0)),
    "probability": Range(0.0, 1.0, (0.1, 0.9)),
    "count": Range(0.0, np.inf, (1.0, 6.0), whole=True),
}

EVENTS: dict[str, Callable[[Family], bool]] = {
    "simplex": lambda f: f.support.simplex,
    "vector": lambda f: f.event_ndim == 1,
    "positive definite": lambda f: f.support.positive_definite or f.support.correlation,
    "lower factor": lambda f: f.support.positive_definite or f.support.correlation,
}

# Distributions pile up at an edge, beyond what doubles resolve, where such a parameter is near zero: it stays away from
# there.
EDGES = ("shape", "alpha", "beta", "concentration", "degrees_of_freedom", "dispersion")
AWAY = 0.5

# Priors so heavy that data overflow: (family of the data, parameter, prior).
IMMODERATE: dict[tuple[str, str], tuple[str, ...]] = {
    ("Lognormal", "mean"): ("Cauchy", "HalfCauchy"),
}


def dimension_of(family: Family) -> int:
    """How long the vectors of a family are here; 0 for numbers."""
    axes = max([family.event_ndim, *[p.event_ndim for p in family.parameters]])
    if not axes:
        return 0
    return 3 if any(p.constraint in ("simplex", "positive vector") for p in family.parameters) else 2


def example(family: Family, dimension: int = 0) -> tuple[Any, ...]:
    """Moderate parameters of a family, for vectors of some length.

    Raises
    ------
    LookupError
        If tests/family_examples.py has none.
    """
    found = VECTOR_EXAMPLES.get(family.name) or EXAMPLES.get(family.name)
    if found is None:
        raise LookupError(f"family {family.name!r} has no example parameters: add a row to tests/family_examples.py")
    for parameters in found.parameters:
        if not dimension or _length(family, parameters) == dimension:
            return tuple(np.asarray(p, float) if np.ndim(p) else p for p in parameters)
    raise LookupError(f"family {family.name!r} has no example parameters of dimension {dimension}")


def _length(family: Family, parameters: tuple[Any, ...]) -> int:
    if family.dimension is not None:
        return int(parameters[[p.name for p in family.parameters].index(family.dimension)])
    return max(np.shape(p)[-1] for p in parameters if np.ndim(p))


@dataclass(frozen=True)
class Slot:
    """An unknown parameter of a family: what its prior's values may be, and how the parameter is made of them.

    Attributes
    ----------
    parameter : Parameter
    constraint : str
        Of the unknown.
    dimension : int
        Length of vectors.
    linked : callable
        Unknown -> parameter.
    """

    parameter: Parameter
    constraint: str
    dimension: int
    linked: Callable[[Any], Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Entries of one parameter that are unknown numbers of their own."""
        return (self.dimension,) if self.parameter.constraint == "positive vector" else ()


def slots(family: Family) -> Iterator[Slot]:
    """The parameters that can be unknown: all but the length of vectors."""
    known = dict(zip([p.name for p in family.parameters], example(family, dimension_of(family)), strict=True))
    for parameter in family.parameters:
        if parameter.name != family.dimension:
            constraint, linked = _link(family, parameter, known)
            yield Slot(parameter, constraint, dimension_of(family), linked)


def _link(family: Family, parameter: Parameter, known: Mapping[str, Any]) -> tuple[str, Callable[[Any], Any]]:
    if parameter.constraint in ("real", "bound") and parameter.name == family.support.lower:
        upper = known[str(family.support.upper)]
        return ("count" if family.support.discrete else "positive"), lambda x: upper - x
    if parameter.constraint in ("real", "bound") and parameter.name == family.support.upper:
        lower = known[str(family.support.lower)]
        return ("count" if family.support.discrete else "positive"), lambda x: lower + x
    if parameter.constraint == "lower factor":
        return parameter.constraint, lambda x: mc.Lambda("factor", lambda matrix=x: np.linalg.cholesky(matrix))
    constraint = "positive" if parameter.constraint == "positive vector" else parameter.constraint
    if constraint not in RANGES and constraint not in EVENTS:
        raise LookupError(
            f"{family.name} {parameter.name}: constraint {constraint!r} has no row in RANGES or EVENTS of {__name__}"
        )
    if parameter.name in EDGES:
        least = AWAY + (dimension_of(family) if family.event_ndim == 2 and family.dimension is None else 0)
        return constraint, lambda x: least + x
    return constraint, lambda x: x


# -------------------------------------------------------------------- priors


def prior_parameters(prior: Family, constraint: str, dimension: int) -> tuple[Any, ...] | None:
    """Parameters with which a family is a prior of what a constraint allows; None if it can be none."""
    if prior.support.atoms:
        return None  # of data alone: no step goes between a point mass and a density
    if constraint in EVENTS:
        return example(prior, dimension) if EVENTS[constraint](prior) else None
    if dimension_of(prior) and prior.name != "Categorical":
        return None
    allowed, support = RANGES[constraint], prior.support
    parameters = dict(zip([p.name for p in prior.parameters], example(prior), strict=True))
    for end, value in zip((support.lower, support.upper), allowed.moderate, strict=True):
        if isinstance(end, str) and _is_bound(prior, end):
            parameters[end] = value if not support.discrete else np.ceil(value) if end == "lower" else np.floor(value)
    low, high = (parameters[end] if isinstance(end, str) else end for end in (support.lower, support.upper))
    fits = low >= allowed.low and high <= allowed.high and support.discrete >= allowed.whole
    if support.discrete and ((allowed.is_open and low <= 0.0) or np.isfinite(allowed.high)):
        fits = False
    return tuple(parameters.values()) if fits else None


def _is_bound(family: Family, name: str) -> bool:
    return next(p for p in family.parameters if p.name == name).constraint in ("real", "bound")


def priors(slot: Slot, family: str, families: Mapping[str, Family]) -> dict[str, tuple[Any, ...]]:
    """Every prior that a parameter can have, conjugate ones first.

    Raises
    ------
    LookupError
        If there is none.
    """
    left_out = IMMODERATE.get((family, slot.parameter.name), ())
    each = {n: prior_parameters(f, slot.constraint, slot.dimension) for n, f in families.items() if n not in left_out}
    found = {n: p for n, p in each.items() if p is not None}
    if not found:
        raise LookupError(f"{family} {slot.parameter.name}: no family is a prior of {slot.constraint!r} values")
    return found


# -------------------------------------------------------------------- distributions and data


@cache
def law(family: Family) -> type[mc.Distribution]:
    """The node class of a family, whether or not the package has given it a name yet."""
    return mc.node_class(family)


def numbers(parameters: tuple[Any, ...]) -> list[Any]:
    """Parameters as nodes take them."""
    return [p if np.ndim(p) else float(p) for p in parameters]


def some(family: Family, parameters: tuple[Any, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Values of a distribution: the data's place is taken by draws before anything runs."""
    event = (dimension_of(family),) * family.event_ndim
    return np.asarray(family.draw(np.random.default_rng(1), (*shape, *event), *numbers(parameters)))


def _data(family: Family, slot: Slot, parameter: Any, z: Any = None) -> Any:
    """Rows of a family with one unknown parameter."""
    known = example(family, slot.dimension)
    value = some(family, known, (ROWS,) if z is None else z.shape)
    given = dict(zip([p.name for p in family.parameters], numbers(known), strict=True))
    given[slot.parameter.name] = parameter
    if z is None:
        return law(family)("data", **given, value=value, observed=True)
    return mc.Mixture("data", z, law(family), **given, value=value, observed=True)


def labels(weights: tuple[float, ...], rows: int = ROWS) -> Any:
    """Labels of unknown weights."""
    return mc.Categorical("labels", mc.Dirichlet("weights", weights), size=rows)


def unknown(slot: Slot, prior: Family, parameters: tuple[Any, ...], size: tuple[int, ...], name: str) -> Any:
    """A variable that a parameter is made of."""
    full = (*size, *slot.shape)
    return law(prior)(name, *numbers(parameters), size=full or None)


# -------------------------------------------------------------------- kinds of models


def mixtures(families: Mapping[str, Family]) -> Iterator[Small]:
    """Two components that differ in one unknown parameter.

    Where weights have different concentrations, components are told apart by what is not the likelihood, and the label
    pass begins with a label permutation move: so it is with the first prior of every parameter.
    """
    for family in families.values():
        for slot in slots(family):
            for rank, (name, parameters) in enumerate(priors(slot, family.name, families).items()):

                def make(
                    f: Any = family, s: Any = slot, p: Any = families[name], a: Any = parameters, r: int = rank
                ) -> Made:
                    table = s.linked(unknown(s, p, a, (LABELS,), "unknown"))
                    return [_data(f, s, table, labels((2.0, 1.5) if r == 0 else (2.0, 2.0)))], None

                yield Small(f"mixture, {family.name} {slot.parameter.name} ~ {name}", family.name, make)


def alone(families: Mapping[str, Family]) -> Iterator[Small]:
    """Rows of one distribution without labels, and another variable of that distribution below the unknown on which no
    data hang.
    """
    for family in families.values():
        for slot in slots(family):
            name, parameters = next(iter(priors(slot, family.name, families).items()))

            def make(f: Any = family, s: Any = slot, p: Any = families[name], a: Any = parameters) -> Made:
                single = s.linked(unknown(s, p, a, (), "unknown"))
                known = dict(zip([q.name for q in f.parameters], numbers(example(f, s.dimension)), strict=True))
                idle = law(f)("idle", **(known | {s.parameter.name: single}))
                return [_data(f, s, single), idle], None

            yield Small(f"alone, {family.name} {slot.parameter.name} ~ {name}", family.name, make)


def many_rows(families: Mapping[str, Family]) -> Iterator[Small]:
    """Matrices and simplexes as rows, whose labels do not separate: too many of them to be enumerated one by one."""
    for family in families.values():
        if not family.event_ndim or family.vectors is not None or family.support.discrete:
            continue
        slot = next(slots(family))
        name, parameters = next(iter(priors(slot, family.name, families).items()))

        def make(f: Any = family, s: Any = slot, p: Any = families[name], a: Any = parameters) -> Made:
            table = s.linked(unknown(s, p, a, (LABELS,), "unknown"))
            return [_data(f, s, table, labels((2.0, 2.0), MANY))], None

        yield Small(f"many rows, {family.name} {slot.parameter.name} ~ {name}", family.name, make)


def by_hand(families: Mapping[str, Family]) -> Iterator[Small]:
    """Components whose unknowns have one prior, and each of them another of the steps that users may ask for."""
    seen: set[str] = set()
    for family in families.values():
        done = False
        for slot in slots(family):
            for name, parameters in priors(slot, family.name, families).items():
                steps = servants(families[name], parameters)
                if not steps or (done and name in seen):
                    continue
                done = True
                seen.add(name)
                yield from _served(family, slot, families[name], parameters, steps)


def _served(
    family: Family, slot: Slot, prior: Family, parameters: tuple[Any, ...], steps: tuple[Any, ...]
) -> Iterator[Small]:
    title = f"{family.name} {slot.parameter.name} ~ {prior.name}"
    if slot.parameter.event_ndim or slot.shape:
        for step in steps:

            def make_one(step: Any = step) -> Made:
                table = slot.linked(unknown(slot, prior, parameters, (LABELS,), "unknown"))
                return [_data(family, slot, table, labels((2.0, 2.0)))], lambda m: m.use_step_method(step, "unknown")

            yield Small(f"{step.__name__} by hand, {title}", family.name, make_one)
        return

    def make() -> Made:
        unknowns = [unknown(slot, prior, parameters, (), f"unknown {k}") for k in range(max(len(steps), LABELS))]

        def prepare(m: mc.MCMC) -> None:
            # all but the last as use_step_method notes them: each of its calls assembles the model anew
            m._choices = [Choice(step, (x,)) for step, x in zip(steps[:-1], unknowns, strict=False)]
            m.use_step_method(steps[-1], unknowns[len(steps) - 1])

        weights = (2.0,) * len(unknowns)
        return [_data(family, slot, [slot.linked(x) for x in unknowns], labels(weights))], prepare

    yield Small(f"{', '.join(s.__name__ for s in steps)} by hand, {title}", family.name, make)


_SERVANTS: dict[str, tuple[type[Any], ...]] = {}


def servants(prior: Family, parameters: tuple[Any, ...]) -> tuple[type[Any], ...]:
    """The steps by hand that serve a variable with this prior."""
    key = f"{prior.name}{parameters}"
    if key not in _SERVANTS:
        _SERVANTS[key] = tuple(_servants(prior, parameters))
    return _SERVANTS[key]


def _servants(prior: Family, parameters: tuple[Any, ...]) -> Iterator[type[Any]]:
    for name in methods.__all__:
        if name in HELD:
            continue
        node = law(prior)("unknown", *numbers(parameters))
        m = mc.MCMC([mc.Normal("data", mc.Lambda("total", lambda x=node: np.sum(x)), 1.0, value=0.0, observed=True)])
        try:
            m.use_step_method(getattr(methods, name), node)
        except mc.ModelError:
            continue
        yield getattr(methods, name)

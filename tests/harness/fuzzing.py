"""Small models drawn at random from a grammar of distributions, links, look-ups and plates.

A :class:`Plan` says all about one model and can be printed and built again: :func:`plans` draws plans, :func:`built`
makes nodes of one. Priors are proper and moderate, so that direct draws of the model tell something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from tests.harness import grammar
from tests.harness.grammar import Slot

LABELS = 2
COVARIATE = np.array([-1.0, 0.4, 0.9, -0.3, 1.2, 0.1])

# -------------------------------------------------------------------- priors and links


PRIORS: dict[str, dict[str, tuple[float, ...]]] = {
    "real": {
        "Normal": (0.0, 1.5),
        "Uniform": (-1.5, 2.0),
        "Laplace": (0.2, 2.0),
        "Logistic": (0.0, 2.5),
        "StudentT": (0.0, 2.0, 6.0),
        "SkewNormal": (0.0, 2.0, 1.5),
        "TruncatedNormal": (0.0, 1.0, -1.0, 2.0),
    },
    "positive": {
        "Gamma": (3.0, 3.0),
        "Lognormal": (0.0, 4.0),
        "Uniform": (0.3, 3.0),
        "InverseGamma": (4.0, 4.0),
        "Weibull": (2.5, 1.2),
        "Chi2": (3.0,),
    },
    "probability": {"Beta": (2.0, 2.0), "Uniform": (0.1, 0.9)},
    "count": {"DiscreteUniform": (1.0, 6.0), "Binomial": (5.0, 0.6)},
}
PRIORS["nonnegative"] = PRIORS["positive"]

# Which parameter of a prior may itself be unknown, and the distribution of that.
ABOVE: dict[str, tuple[int, str, tuple[float, ...]]] = {
    "Normal": (0, "Normal", (0.0, 1.0)),
    "Laplace": (1, "Gamma", (4.0, 2.0)),
    "StudentT": (0, "Normal", (0.0, 1.0)),
    "Gamma": (1, "Gamma", (6.0, 2.0)),
    "Lognormal": (0, "Normal", (0.0, 2.0)),
    "InverseGamma": (1, "Gamma", (6.0, 2.0)),
    "Weibull": (1, "Uniform", (0.5, 2.0)),
    "Beta": (0, "Gamma", (6.0, 3.0)),
}


@dataclass(frozen=True)
class Link:
    """A function of an unknown: what it is written on, and what it may be."""

    of: str
    function: Callable[[Any], Any]


LINKS: dict[str, dict[str, Link]] = {
    "real": {
        "itself": Link("real", lambda x: x),
        "log": Link("positive", np.log),
        "logit": Link("probability", lambda x: np.log(x / (1.0 - x))),
        "affine": Link("real", lambda x: 0.5 - 0.7 * x),
        "square": Link("real", lambda x: x**2),
    },
    "positive": {
        "itself": Link("positive", lambda x: x),
        "exp": Link("real", lambda x: np.exp(0.5 * x)),
        "sqrt": Link("positive", np.sqrt),
        "square": Link("positive", lambda x: x**2),
        "inverse": Link("positive", lambda x: 1.0 / x),
        "inverse square": Link("positive", lambda x: x**-2.0),
        "multiple": Link("positive", lambda x: 1.5 * x),
    },
    "probability": {
        "itself": Link("probability", lambda x: x),
        "complement": Link("probability", lambda x: 1.0 - x),
        "invlogit": Link("real", lambda x: 1.0 / (1.0 + np.exp(-x))),
    },
    "count": {"itself": Link("count", lambda x: x)},
}
LINKS["nonnegative"] = LINKS["positive"]

# Links and priors that make data or densities overflow: the tails of both multiply.
HEAVY = {("Lognormal", "mean", "square"), ("Weibull", "shape", "inverse square")}

WEIGHTS = ("Dirichlet", "known", "Beta", "Bernoulli", "uniform", "of unknown concentration")

# -------------------------------------------------------------------- plans


@dataclass(frozen=True)
class Unknown:
    """What one unknown parameter of the data is made of.

    Attributes
    ----------
    parameter : str
    prior, link : str
    where : {"alone", "looked up", "listed", "by both", "by group", "by row"}
        One number for all rows, a table on labels, a list of single variables on labels, a table on labels and known
        groups, one on known groups, an entry for each row.
    above : bool
        Whether the prior has an unknown parameter.
    covariate : bool
        Whether a slope times a covariate is added.
    link_first : bool
        Whether the function is written on the table or on what rows look up.
    """

    parameter: str
    prior: str
    link: str
    where: str
    above: bool
    covariate: bool
    link_first: bool


@dataclass(frozen=True)
class Plan:
    """All about one model.

    Attributes
    ----------
    family : str
        Of the data.
    rows : int
    labels : {"none", "one", "two", "nested", "of groups"}
    weights : {"Dirichlet", "known", "Beta", "Bernoulli", "uniform", "of unknown concentration"}
    as_mixture : bool
        Whether look-ups are written by ``Mixture`` where they can be.
    unknowns : tuple of Unknown
    forward_sampled : bool
        Whether there is a variable that no data depend on.
    more : {"nothing", "rows"}
        Whether further data, numbers about each of its entries, depend on the first unknown.
    """

    family: str
    rows: int
    labels: str
    weights: str
    as_mixture: bool
    unknowns: tuple[Unknown, ...]
    forward_sampled: bool
    more: str = "nothing"


@cache
def slots(family: str) -> dict[str, Slot]:
    """Parameters that can be unknown, by name."""
    return {s.parameter.name: s for s in grammar.slots(FAMILIES[family])}


@cache
def event_priors(family: str, parameter: str) -> tuple[str, ...]:
    """Priors of vectors and matrices."""
    return tuple(grammar.priors(slots(family)[parameter], family, FAMILIES))


def is_event(slot: Slot) -> bool:
    return slot.constraint in grammar.EVENTS or bool(slot.shape)


@st.composite
def unknowns(draw: Any, family: str, parameter: str, labels: str) -> Unknown:
    """One unknown parameter."""
    slot = slots(family)[parameter]
    on_labels = ["looked up", "looked up", "listed", "by both"] * (labels != "none")
    where = draw(st.sampled_from(["alone", "by group", "by row", *on_labels]))
    if is_event(slot):
        prior = draw(st.sampled_from(event_priors(family, parameter)))
        return Unknown(parameter, prior, "itself", where, False, False, False)
    allowed = [n for n in LINKS[slot.constraint] if (family, parameter, n) not in HEAVY]
    link = draw(st.sampled_from(allowed))
    prior = draw(st.sampled_from(sorted(PRIORS[LINKS[slot.constraint][link].of])))
    above = prior in ABOVE and draw(st.booleans())
    covariate = slot.constraint == "real" and slot.parameter.constraint == "real" and draw(st.booleans())
    return Unknown(parameter, prior, link, where, above, covariate, draw(st.booleans()))


@st.composite
def plans(draw: Any) -> Plan:
    """Any model of the grammar."""
    family = draw(st.sampled_from(sorted(FAMILIES)))
    labels = draw(st.sampled_from(["one", "one", "none", "two", "nested", "of groups"]))
    weights = draw(st.sampled_from(WEIGHTS))
    names = draw(st.lists(st.sampled_from(sorted(slots(family))), min_size=1, max_size=2, unique=True))
    if names == ["lower", "upper"] or names == ["upper", "lower"]:  # each keeps its side of the other's known value
        names = names[:1]
    chosen = tuple(draw(unknowns(family, name, labels)) for name in names)
    more = draw(st.sampled_from(["nothing", "nothing", "rows"]))
    rows, as_mixture, idle = draw(st.integers(1, 6)), draw(st.booleans()), draw(st.booleans())
    return Plan(family, rows, labels, weights, as_mixture, chosen, idle, more)


# -------------------------------------------------------------------- nodes


def built(plan: Plan) -> list[Any]:
    """The nodes of a plan: the data, and perhaps a variable without data."""
    family = FAMILIES[plan.family]
    dimension = grammar.dimension_of(family)
    example = grammar.example(family, dimension)
    given = dict(zip([p.name for p in family.parameters], grammar.numbers(example), strict=True))
    mixes = plan.as_mixture and plan.labels == "one" and any(u.where == "looked up" for u in plan.unknowns)
    mixes = mixes and all(u.where in ("alone", "looked up") and not u.covariate for u in plan.unknowns)
    z = labels_of(plan, as_they_are=mixes)
    more: list[Any] = [mc.Normal("idle", 0.0, 1.0, size=2)] if plan.forward_sampled else []
    for number, u in enumerate(plan.unknowns):
        index = None if z is None else z[number % len(z)]
        given[u.parameter], node = parameter_of(plan, u, index, as_table=mixes)
        if plan.more == "rows" and number == 0 and isinstance(node, mc.Stochastic) and np.dtype(node.dtype).kind == "f":
            value = np.zeros(node.shape) + 0.3
            more.append(mc.Normal("more", 0.5 * node, 2.0, value=value, observed=True))
    value = grammar.some(family, example, (plan.rows,))
    if mixes:
        assert z is not None
        data = mc.Mixture("data", z[0], grammar.law(family), **given, value=value, observed=True)
    else:
        data = grammar.law(family)("data", **given, value=value, observed=True)
    return [data, *more]


def labels_of(plan: Plan, as_they_are: bool) -> list[Any] | None:
    """What rows look tables up by; labels of yes or no as whole numbers, which NumPy needs and ``Mixture`` does not."""
    if plan.labels == "none":
        return None
    if plan.labels == "two":
        return [label_vector(plan, name, plan.rows) for name in ("z", "other z")]
    if plan.labels == "of groups":
        group = np.arange(plan.rows) // 2
        return [label_vector(plan, "z", int(group[-1]) + 1)[group]]
    outer = label_vector(plan, "z", plan.rows, as_they_are)
    if plan.labels == "nested":
        table = mc.Dirichlet("inner weights", [2.0, 1.5], size=LABELS)
        return [mc.Categorical("inner z", mc.Index("inner", table, 1 * outer), size=plan.rows)]
    return [outer]


def label_vector(plan: Plan, name: str, units: int, as_they_are: bool = False) -> Any:
    if plan.weights == "Bernoulli":
        yes_or_no = mc.Bernoulli(name, mc.Beta(f"{name} chance", 2.0, 1.5), size=units)
        return yes_or_no if as_they_are else 1 * yes_or_no
    if plan.weights == "uniform":
        return mc.DiscreteUniform(name, 0, 1, size=units)
    if plan.weights == "of unknown concentration":
        alpha: Any = mc.Gamma(f"{name} concentration", 6.0, 2.0)
        return mc.Categorical(name, mc.Dirichlet(f"{name} weights", alpha * np.ones(LABELS)), size=units)
    if plan.weights == "Beta":
        p: Any = mc.Beta(f"{name} chance", 2.0, 1.5)
        return mc.Categorical(name, [p, 1 - p], size=units)
    weights = [0.4, 0.6] if plan.weights == "known" else mc.Dirichlet(f"{name} weights", [2.0, 1.5])
    return mc.Categorical(name, weights, size=units)


def parameter_of(plan: Plan, u: Unknown, index: Any, as_table: bool) -> tuple[Any, Any]:
    """A parameter for each row (or a table of them for ``Mixture``), and the unknown that it is made of."""
    slot = slots(plan.family)[u.parameter]
    group = np.arange(plan.rows) % 2
    link = (lambda x: x) if is_event(slot) else LINKS[slot.constraint][u.link].function
    if u.where == "listed":
        nodes = [prior_of(slot, u, (), str(k)) for k in range(LABELS)]
        linked = [link(n) for n in nodes] if u.link_first else nodes
        found = mc.Index(f"{u.parameter} at", linked, index)
        return slot.linked(found if u.link_first else link(found)), nodes[0]
    size = {"alone": (), "by group": (2,), "by row": (plan.rows,), "by both": (LABELS, 2)}.get(u.where, (LABELS,))
    node = prior_of(slot, u, size)
    found = link(node) if u.link_first else node
    if u.where == "by both":
        found = found[index, group]
    elif u.where == "looked up" and not as_table:
        found = found[index]
    elif u.where == "by group":
        found = found[group]
    found = found if u.link_first else link(found)
    if u.covariate:
        found = found + mc.Normal(f"slope of {u.parameter}", 0.0, 2.0) * COVARIATE[: plan.rows]
    return slot.linked(found), node


def prior_of(slot: Slot, u: Unknown, size: tuple[int, ...], which: str = "") -> Any:
    name, prior = f"unknown {u.parameter} {which}".strip(), FAMILIES[u.prior]
    if is_event(slot):
        parameters = grammar.priors(slot, u.prior, FAMILIES)[u.prior]
        return grammar.unknown(slot, prior, parameters, size, name)
    numbers: list[Any] = list(PRIORS[LINKS[slot.constraint][u.link].of][u.prior])
    if u.above:
        place, law, own = ABOVE[u.prior]
        numbers[place] = grammar.law(FAMILIES[law])(f"above {name}", *own)
    return grammar.law(prior)(name, *numbers, size=size or None)

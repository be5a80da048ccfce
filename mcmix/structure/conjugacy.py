"""Conjugate conditionals: the prior's natural parameters plus a sum of messages, one per child factor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.nodes.constraints import as_array
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node, holds_nodes
from mcmix.structure import expression as ex
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant, elementwise, scatter
from mcmix.structure.links import Affine, affine, power
from mcmix.structure.sources import derived
from mcmix.structure.sticks import behind, broken_in_turn, sticks
from mcmix.structure.tempering import times_power


@dataclass(frozen=True, eq=False)
class Conjugate:
    """A full conditional in a known family.

    Attributes
    ----------
    kind : {"normal", "gamma", "beta", "dirichlet"}
    first, second : Expression
        Natural parameters per element, in the sense of :class:`mcmix.distributions.family.Message`, of the variable
        (normal, beta, dirichlet) or of its power (gamma).
    lower, upper : Expression
        Bounds of the variable, per element.
    exponent : float
        gamma: t = v**exponent is what is drawn.
    reason : str
        In words, for `explain`.
    """

    kind: str
    first: Expression
    second: Expression | None
    lower: Expression
    upper: Expression
    exponent: float
    reason: str


@dataclass(frozen=True)
class _Prior:
    """A prior's natural parameters and bounds."""

    first: Any
    second: Any
    lower: Any
    upper: Any


_NO_MESSAGE, _NO_LINK, _OTHER_PRIOR = range(3)  # how far a kind of conjugacy was followed before it failed


class _NotConjugate(Exception):
    """Why a variable has no conjugate conditional of a kind, and how far that was followed."""

    def __init__(self, reason: str, stage: int = _NO_LINK):
        super().__init__(reason)
        self.stage = stage


def conjugate(node: Node, structure: Structure) -> Conjugate | str:
    """The conjugate conditional of an unknown, or the reason why there is none; found once for a structure."""
    if node not in structure.conjugates:
        structure.conjugates[node] = _conjugate(node, structure)
    found: Conjugate | str = structure.conjugates[node]
    return found


def _conjugate(node: Node, structure: Structure) -> Conjugate | str:
    if not isinstance(node, Distribution):
        return "its distribution is user-written"
    own = structure.recording.own_factor(node)
    if structure.is_forward_sampled(node) or all(e.factor is own for e in structure.about(node)):
        return _prior_alone(node, structure)
    kinds = ("dirichlet",) if node.family.support.simplex else ("normal", "gamma", "beta")
    reasons: dict[str, _NotConjugate] = {}
    for kind in kinds:
        try:
            return _of_kind(node, kind, structure)
        except _NotConjugate as reason:
            reasons[kind] = reason
    return _first_obstacle(node, reasons)


def _first_obstacle(node: Distribution, reasons: Mapping[str, _NotConjugate]) -> str:
    """What stands in the way of the kind that came furthest; of several, the one that the prior is of."""

    def nearness(kind: str) -> tuple[int, bool]:
        return reasons[kind].stage, (kind, node.family.name) in _PRIORS

    return str(reasons[max(reasons, key=nearness)])


def _of_kind(node: Distribution, kind: str, structure: Structure) -> Conjugate:
    recording = structure.recording
    leaf, v = recording.leaves[node], recording.sampled(node)
    own = recording.own_factor(node)
    if own.x is not v:
        raise _NotConjugate("its missing entries are parts of larger rows")
    children = [e for e in structure.about(node) if e.factor is not own]
    if any(leaf in p.leaves for p in own.parameters.values()):
        raise _NotConjugate("its distribution depends on itself")
    read = [_message(e, kind, v, leaf) for e in children]
    # One t = v**q must serve all children: sums of different powers of v are in no family that is drawn here.
    exponents = {r.exponent for r in read}
    if len(exponents) > 1:
        raise _NotConjugate("its children depend on different powers of it")
    prior = _prior(node, kind, exponents.pop(), own.parameters)
    # Natural parameters add up. Normal: precision p0 + sum_i t_i b_i**2 and p0 m0 + sum_i t_i b_i (y_i - a_i) for rows
    # with mean a_i + b_i v and precision t_i. Gamma: shape - 1 + n / 2 and rate + sum_i (y_i - m_i)**2 / 2 for normal
    # precisions.
    first, second = _added(prior.first, [r.first for r in read], v), _added(prior.second, [r.second for r in read], v)
    names = ", ".join(dict.fromkeys(e.factor.node.name for e in children))
    return Conjugate(kind, first, second, _filled(prior.lower, v), _filled(prior.upper, v), read[0].exponent,
                     f"conjugate: {_words(node, kind, read[0].exponent)} with {names}")  # fmt: skip


def _prior_alone(node: Distribution, structure: Structure) -> Conjugate | str:
    """A variable that nothing depends on: its own distribution, where that is one of the known families."""
    v, own = structure.recording.sampled(node), structure.recording.own_factor(node)
    if own.x is not v:
        return "its missing entries are parts of larger rows"
    for (kind, family), prior in _PRIORS.items():
        found = prior(own.parameters, 1.0) if family == node.family.name else None
        if found is not None:
            ends = _filled(found.lower, v), _filled(found.upper, v)
            return Conjugate(
                kind,
                _filled(found.first, v),
                _filled(found.second, v),
                *ends,
                1.0,
                f"nothing depends on it: {family} prior",
            )
    return f"nothing depends on it, and its {node.family.name} prior has no direct draw"


def _added(start: Any, messages: list[Any], v: Expression) -> Expression:
    total = _filled(start, v)
    for m in filter(lambda part: part is not None, messages):
        total = elementwise("add", total, m)
    return total


def _filled(x: Any, v: Expression) -> Expression:
    """One number per element of v."""
    part = ex.as_expression(x)
    shaped = part if part.shape == v.shape else ex.broadcast_to(part, v.shape)
    return ex.reshape(shaped, (v.size,))


def _words(node: Distribution, kind: str, exponent: float) -> str:
    prior = node.family.name
    if kind == "gamma" and exponent != 1.0:
        return f"{prior} prior, gamma in its power {exponent:g}"
    return f"{prior} prior, {kind}"


# -------------------------------------------------------------------- messages


@dataclass(frozen=True)
class _Read:
    first: Expression
    second: Expression | None
    exponent: float = 1.0


def _message(e: Contribution, kind: str, v: Expression, leaf: Expression) -> _Read:
    """What one child says, gathered per element of v."""
    name = e.factor.node.name
    if e.factor.x is not None and e.over != "labels" and leaf in e.factor.x.leaves:
        raise _NotConjugate(f"{name} has it as its value")
    touching = [p for p, x in e.parameters.items() if leaf in x.leaves]
    if len(touching) != 1 or e.factor.family is None:
        raise _NotConjugate(f"{name} depends on it through {' and '.join(touching) or 'a function of its own'}")
    if e.factor.family.name == "Categorical":
        return _powered(_weights_message(e, kind, v, leaf), e)
    if e.factor.family.name == "MarkovChain":
        return _powered(_chain_message(e, kind, touching[0], v, leaf), e)
    if e.factor.family.name == "Multinomial" and kind == "dirichlet":
        return _powered(_counts_message(e, v, leaf), e)
    statistics = e.factor.family.statistics
    message = statistics.messages.get(touching[0]) if statistics else None
    if message is None or message.kind != kind or e.sums is None:
        raise _NotConjugate(f"{e.factor.family.name} {name} has no {kind} message to its {touching[0]}", _NO_MESSAGE)
    for other, needed in message.where.items():
        if not ex.is_everywhere(e.parameters[other], needed):
            raise _NotConjugate(f"{e.factor.family.name} {name} has a {kind} message where its {other} is {needed:g}")
    if any(not e.parameters[known].is_constant for known in statistics.known):  # type: ignore[union-attr]
        raise _NotConjugate(f"{name}: {statistics.known[0]} is not known")  # type: ignore[union-attr]
    others = {p: x for p, x in e.parameters.items() if p != touching[0]}
    first, second = (_spread(m, e) for m in message.natural(e.sums, others))
    return _LINKED[kind](name, first, second, e.parameters[touching[0]], v, leaf)


def _powered(read: _Read, e: Contribution) -> _Read:
    """What was read from rows, as a tempered chain sees them."""
    second = None if read.second is None else times_power(read.second, e.tempered)
    return _Read(times_power(read.first, e.tempered), second, read.exponent)


def _spread(x: Any, e: Contribution) -> Expression:
    """A message per element of the evidence (a message may be the same number for all of them)."""
    part = ex.as_expression(x)
    shape = e.elements.shape
    return part if part.shape == shape else ex.broadcast_to(part, shape)


def _normal_link(
    name: str, first: Expression, second: Expression, parameter: Expression, v: Expression, leaf: Expression
) -> _Read:
    link = affine(parameter, v, leaf)
    if link is None:
        raise _NotConjugate(f"{name}'s mean is no affine look-up of it")
    # A message (t, t y) about the mean a + b v is (t b**2, t b (y - a)) about v.
    shifted = second if ex.is_everywhere(link.offset, 0.0) else second - first * link.offset
    linear = link.slope * shifted
    return _Read(_collected(link.slope * link.slope * first, link.index, v), _collected(linear, link.index, v))


def _gamma_link(
    name: str, first: Expression, second: Expression, parameter: Expression, v: Expression, leaf: Expression
) -> _Read:
    link = power(parameter, v, leaf)
    if link is None:
        raise _NotConjugate(f"{name}'s parameter is no power of it")
    if link.folded and not _never_negative(leaf.extra):
        raise _NotConjugate(f"{name}'s parameter is a power of its absolute value")
    return _Read(
        # (c t)**first exp(-second c t) for a parameter c t, t = v**q: the power of c is a constant.
        _collected(first * link.mask, link.index, v),
        _collected(second * link.factor * link.mask, link.index, v),
        link.exponent,
    )


def _never_negative(node: Distribution) -> bool:
    """Whether the support begins at zero or above, as far as it is known."""
    lower = node.family.support.lower
    end = node.parents.get(lower) if isinstance(lower, str) else lower
    return end is not None and not holds_nodes(end) and bool(np.all(as_array(end) >= 0.0))


def _beta_link(
    name: str, first: Expression, second: Expression, parameter: Expression, v: Expression, leaf: Expression
) -> _Read:
    link = affine(parameter, v, leaf)
    if link is None:
        raise _NotConjugate(f"{name}'s probability is no look-up of it")
    same, opposite = _as_it_is_or_complement(link, name)
    return _Read(
        # p = 1 - v exchanges successes and failures.
        _collected(first * same + second * opposite, link.index, v),
        _collected(second * same + first * opposite, link.index, v),
    )


def _as_it_is_or_complement(link: Affine, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the elements that are v and of those that are 1 - v; all others must not depend on v."""
    if not (link.slope.is_constant and link.offset.is_constant):
        if link.slope.is_constant:
            slope = np.asarray(link.slope.known, float)
            if (slope == 0).all():
                return np.zeros_like(slope), np.zeros_like(slope)
        raise _NotConjugate(f"{name}'s probability is neither it nor its complement")
    slope, offset = np.broadcast_arrays(np.asarray(link.slope.known, float), np.asarray(link.offset.known, float))
    same, opposite = (slope == 1.0) & (offset == 0.0), (slope == -1.0) & (offset == 1.0)
    if not (same | opposite | (slope == 0.0)).all():
        raise _NotConjugate(f"{name}'s probability is neither it nor its complement")
    return same.astype(float), opposite.astype(float)


def _collected(values: Expression, index: Expression, v: Expression) -> Expression:
    """Sum of messages over what belongs to each element of v."""
    if values.size == 1 and index.size == 1:
        values, index = ex.reshape(values, (1,)), ex.reshape(index, (1,))
    elif values.ndim != 1:
        index = (
            index
            if index.shape == values.shape
            else ex.broadcast_to(index, np.broadcast_shapes(values.shape, index.shape))
        )
        values = values if values.shape == index.shape else ex.broadcast_to(values, index.shape)
        values, index = ex.reshape(values, (-1,)), ex.reshape(index, (-1,))
    return scatter(values, index, v.size)


_LINKED: dict[str, Callable[..., _Read]] = {"normal": _normal_link, "gamma": _gamma_link, "beta": _beta_link}


def _weights_message(e: Contribution, kind: str, v: Expression, leaf: Expression) -> _Read:
    """Counts of labels to the weights they are drawn with."""
    name, weights = e.factor.node.name, e.parameters["probabilities"]
    if kind == "dirichlet" and weights.ndim == 2 and e.over != "labels":
        return _row_weights_message(e, weights, v, leaf)
    counts = _label_counts(e, weights)
    if kind == "dirichlet":
        if weights is not v or v.ndim != 1:
            raise _NotConjugate(f"{name}'s weights are a function of it")
        return _Read(counts, None)
    if kind != "beta":
        raise _NotConjugate(f"{name} is a label drawn with it")
    if broken_in_turn(weights, v, leaf):
        return _Read(counts[:-1], behind(counts))
    powers = sticks(weights, v, leaf)
    if powers is not None:
        # w_k = c_k prod_j v_j**a_kj (1 - v_j)**b_kj: n_k labels k are a_kj n_k successes and b_kj n_k failures of v_j
        return _Read(counts @ powers[0], counts @ powers[1])
    link = affine(weights, v, leaf)
    if link is None:
        raise _NotConjugate(f"{name}'s weights are no look-up of it, and no products of it and its complement")
    same, opposite = _as_it_is_or_complement(link, name)
    return _Read(_collected(counts * same, link.index, v), _collected(counts * opposite, link.index, v))


def _chain_message(e: Contribution, kind: str, parameter: str, v: Expression, leaf: Expression) -> _Read:
    """How often each state follows each other one, or begins a sequence, to the probabilities of that."""
    name, weights = e.factor.node.name, e.parameters[parameter]
    link = affine(weights, v, leaf)
    if e.over != "labels" or e.sums is None or link is None:
        raise _NotConjugate(f"{name}'s {parameter} are no look-up of it")
    counts = ex.as_expression({"transitions": e.sums.n, "initial": e.sums.sums[0]}[parameter])
    if kind == "dirichlet" and ex.is_everywhere(link.slope, 1.0) and ex.is_everywhere(link.offset, 0.0):
        return _Read(_collected(counts, link.index, v), None)
    if kind != "beta":
        raise _NotConjugate(f"{name}'s {parameter} are a function of it")
    same, opposite = _as_it_is_or_complement(link, name)
    return _Read(_collected(counts * same, link.index, v), _collected(counts * opposite, link.index, v))


def _counts_message(e: Contribution, v: Expression, leaf: Expression) -> _Read:
    """Multinomial counts to the weights they are drawn with."""
    name, weights, x = e.factor.node.name, e.parameters["probabilities"], e.factor.x
    if weights.ndim == 2 and x is not None and x.shape == weights.shape:
        link = affine(weights, v, leaf)
        if link is None or not ex.is_everywhere(link.slope, 1.0) or not ex.is_everywhere(link.offset, 0.0):
            raise _NotConjugate(f"{name}'s weights are no look-up of it")
        return _Read(scatter(ex.reshape(x, (-1,)), ex.reshape(link.index, (-1,)), v.size), None)
    if weights is not v or v.ndim != 1 or x is None:
        raise _NotConjugate(f"{name}'s weights are a function of it")
    return _Read(ex.reduce("sum", ex.reshape(x, (-1, v.size)), 0), None)


def _row_weights_message(e: Contribution, weights: Expression, v: Expression, leaf: Expression) -> _Read:
    """Counts of (simplex, category) pairs, where each row's weights are one of the variable's simplexes."""
    name, x = e.factor.node.name, e.factor.x
    link = affine(weights, v, leaf)
    if link is None or x is None or not _is_look_up(link):
        raise _NotConjugate(f"{name}'s weights are no look-up of it")
    n_rows, n_categories = weights.shape
    # Only the weight of the category that was seen is in the log density: entry (row, x) of the flattened table.
    chosen = elementwise("add", np.arange(n_rows) * n_categories, x)
    index = ex.gather(ex.broadcast_to(link.index, weights.shape), chosen)
    if ex.is_everywhere(link.slope, 1.0):
        return _Read(scatter(constant(1.0), index, v.size), None)
    own = ex.gather(ex.broadcast_to(link.slope, weights.shape), chosen)  # 1 where the row's weight is an entry of v
    return _Read(scatter(own, index, v.size), None)


def _is_look_up(link: Affine) -> bool:
    """Whether every entry is one of v's, or has nothing to do with v: that of a list, of which v is one element."""
    if ex.is_everywhere(link.slope, 1.0):
        return ex.is_everywhere(link.offset, 0.0)
    if link.slope.op != "take" or link.offset.op != "take" or link.slope.arguments[1] is not link.offset.arguments[1]:
        return False
    mask, others = link.slope.arguments[0], link.offset.arguments[0]
    if not mask.is_constant or others.op != "concatenate" or not np.isin(mask.known, (0.0, 1.0)).all():
        return False
    ends = np.cumsum([0, *[p.size for p in others.arguments]])
    stretches = [np.ravel(mask.known)[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]
    return all(ex.is_everywhere(p, 0.0) or not own.any() for p, own in zip(others.arguments, stretches, strict=True))


def _label_counts(e: Contribution, weights: Expression) -> Expression:
    if e.over == "labels":
        assert e.sums is not None
        return ex.as_expression(e.sums.n)
    x = e.factor.x
    if weights.ndim != 1 or x is None:
        raise _NotConjugate(f"{e.factor.node.name}'s weights vary by row")
    if x.is_constant:
        return _known_counts(x, weights.size)
    return scatter(constant(1.0), ex.reshape(x, (-1,)), weights.size)


def _known_counts(x: Expression, size: int) -> Expression:
    """How often each of the whole numbers below a size is among known ones."""
    counts = np.bincount(np.ravel(np.asarray(x.value)).astype(int), minlength=size).astype(float)
    return derived(("counts", size), lambda other: _known_counts(other, size), counts, [x])


# -------------------------------------------------------------------- priors


def prior_of_powers(node: Distribution, parameters: Mapping[str, Expression]) -> tuple[Any, Any]:
    """Natural parameters of a gamma (or exponential) prior of a precision."""
    found = _prior(node, "gamma", 1.0, parameters)
    return found.first, found.second


def _prior(node: Distribution, kind: str, exponent: float, parameters: Mapping[str, Expression]) -> _Prior:
    found = _PRIORS.get((kind, node.family.name))
    answer = found(parameters, exponent) if found else None
    if answer is None:
        raise _NotConjugate(f"a {node.family.name} prior is not conjugate to its {kind} messages", _OTHER_PRIOR)
    return answer


_INF = np.inf

# (kind of message, prior) -> natural parameters of the prior and bounds, on the scale of the message.
_PRIORS: dict[tuple[str, str], Callable[[Mapping[str, Any], float], _Prior | None]] = {
    ("normal", "Normal"): lambda p, _: _Prior(p["precision"], p["precision"] * p["mean"], -_INF, _INF),
    ("normal", "TruncatedNormal"): lambda p, _: _Prior(
        p["precision"], p["precision"] * p["mean"], p["lower"], p["upper"]
    ),
    ("normal", "Uniform"): lambda p, _: _Prior(0.0, 0.0, p["lower"], p["upper"]),
    ("normal", "HalfNormal"): lambda p, _: _Prior(p["precision"], 0.0, 0.0, _INF),
    ("gamma", "Gamma"): lambda p, q: _Prior(p["shape"] - 1.0, p["rate"], 0.0, _INF) if q == 1.0 else None,
    ("gamma", "Exponential"): lambda p, q: _Prior(0.0, p["rate"], 0.0, _INF) if q == 1.0 else None,
    # v**(-a - 1) exp(-b / v) dv = t**(a - 1) exp(-b t) dt, up to a sign, for t = 1 / v
    ("gamma", "InverseGamma"): lambda p, q: _Prior(p["shape"] - 1.0, p["scale"], 0.0, _INF) if q == -1.0 else None,
    # exp(-p v**2 / 2) dv is proportional to t**(-1/2) exp(-p t / 2) dt for t = v**2
    ("gamma", "HalfNormal"): lambda p, q: _Prior(-0.5, 0.5 * p["precision"], 0.0, _INF) if q == 2.0 else None,
    # dv = t**(1/q - 1) dt / |q| for t = v**q: a flat prior on v is a power of t
    ("gamma", "Uniform"): lambda p, q: (
        _Prior(1.0 / q - 1.0, 0.0, _at_least_zero(p["lower"]), p["upper"]) if _one_sided(p["lower"], q) else None
    ),
    ("beta", "Beta"): lambda p, _: _Prior(p["alpha"] - 1.0, p["beta"] - 1.0, 0.0, 1.0),
    ("beta", "Uniform"): lambda p, _: _Prior(
        0.0, 0.0, _at_least_zero(p["lower"]), elementwise("minimum", p["upper"], 1.0)
    ),
    ("dirichlet", "Dirichlet"): lambda p, _: _Prior(p["concentration"] - 1.0, 0.0, 0.0, 1.0),
}


def _one_sided(lower: Expression, exponent: float) -> bool:
    """Whether v is positive: known from its bound, or because no even power lets a negative v through."""
    return exponent % 2.0 != 0.0 or (lower.is_constant and bool(np.all(lower.known >= 0.0)))


def _at_least_zero(x: Any) -> Expression:
    return elementwise("maximum", x, 0.0)

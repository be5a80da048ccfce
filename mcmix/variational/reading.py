"""A model's structure as posteriors and statements, or a refusal that names the node and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mcmix.distributions.family import Sums
from mcmix.distributions.markov_chain import MARKOV_CHAIN
from mcmix.distributions.mv_normal import MV_NORMAL
from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.model import Model
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.gaps import gap_node
from mcmix.structure.cells import looked_up
from mcmix.structure.contributions import Contribution, LabelBlock, Structure, structure_of
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression, broadcast_to, constant, reshape
from mcmix.structure.joint_priors import Joint, joint_of
from mcmix.structure.label_vectors import SeparableFactor
from mcmix.structure.recording import Factor, record
from mcmix.structure.rewrite import NotSeparable, substitute
from mcmix.structure.rows import Rows
from mcmix.variational.chain_weights import ChainWeights
from mcmix.variational.families import EXPECTED, kind_of
from mcmix.variational.joint_factors import ConditionalDistribution, ConditionalNormal, Pair
from mcmix.variational.links import Link, NotConjugate, link, repeated
from mcmix.variational.passes import AnyWeights, LabelPass
from mcmix.variational.posteriors import KINDS, Posterior, certain
from mcmix.variational.priors import KNOWN_AXES, PRIORS, prior_of
from mcmix.variational.statements import (
    Categories,
    Counted,
    Counts,
    Hyper,
    Known,
    Labelled,
    Numbers,
    Statement,
    Vectors,
    Weights,
    coefficient,
)

# normal distributions of vectors, and the names under which their parameters speak as a mean and a precision
VECTORS: dict[str, dict[str, str]] = {"MvNormal": {}, "MvNormalCov": {"covariance": "precision"}}


@dataclass
class Parts:
    """A model, ready for coordinate ascent.

    Attributes
    ----------
    starts : int
        Starts side by side.
    posteriors : dict of Distribution to Posterior
        Parents first.
    passes : list of LabelPass
    statements : list of Statement
        All of them: data, labels, and unknowns that speak to unknown parents.
    priors : dict of Distribution to callable
        Expected parameters of each unknown's own distribution, at the present moments of its parents.
    columns : dict of str to list of Labelled
        Data nodes on labels, and the statements that their columns became.
    left_out : list of Stochastic
        Missing data that nothing depends on, integrated out.
    pairs : dict of Distribution to Pair
        Means and precisions with one joint factor, by the precision.
    centres : dict of Distribution to Link
        What the distribution of each mean is centred at.
    """

    structure: Structure
    starts: int = 1
    posteriors: dict[Distribution, Posterior] = field(default_factory=dict)
    passes: list[LabelPass] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    priors: dict[Distribution, Callable[[], tuple[Any, ...]]] = field(default_factory=dict)
    columns: dict[str, list[Labelled]] = field(default_factory=dict)
    left_out: list[Stochastic] = field(default_factory=list)
    pairs: dict[Distribution, Pair] = field(default_factory=dict)
    centres: dict[Distribution, Any] = field(default_factory=dict)


def seen(model: Model, joint: bool = True, rows: Rows | None = None) -> Structure:
    """A model's structure, on its own rows or others; a mean and its precision are kept apart unless `joint`."""
    with np.errstate(divide="ignore"):  # weights that start at zero have logarithms too
        recording = record(model, rows=rows)
    structure = structure_of(recording)
    if not joint:
        structure.apart |= set(model.stochastics)
    return structure


def read(model: Model, structure: Structure, starts: int = 1) -> Parts:
    """Take a model apart.

    Raises
    ------
    ModelError
        If some distribution is not conjugate to what depends on it, naming the node and why.
    """
    parts, recording = Parts(structure, starts), structure.recording
    _refuse_foreign(model, parts)
    for node in model.stochastics:
        _posterior(node, parts)
    for block in parts.structure.blocks:
        if block.label.node not in parts.left_out:
            parts.passes.append(_pass(block, parts))
    on_labels = {s.factor for b in parts.structure.blocks for s in b.factors}
    priors = {recording.own_factor(n) for n in parts.posteriors} | {
        recording.own_factor(b.label.node) for b in parts.structure.blocks
    }
    for e in parts.structure.contributions:
        if e.factor not in on_labels | priors:
            parts.statements.append(_guarded(e.factor, partial(_known, e, parts)))
    for q in parts.posteriors.values():
        if isinstance(q, ConditionalNormal):
            parts.pairs[q.above.node] = _pair(q, parts)
    return parts


def _pair(mean: ConditionalNormal, parts: Parts) -> Pair:
    """A mean and its precision, with all that depends on them."""
    children = [s for s in parts.statements if "mean" in s.about(mean) and not isinstance(s, Hyper)]
    return Pair(mean, parts.centres[mean.node], children)


def _refuse_foreign(model: Model, parts: Parts) -> None:
    """Refuse potentials, distributions of the user's own, and labels that belong together."""
    for label, why in parts.structure.non_factorising.items():
        raise ModelError(f"VB: {label.node.name} is no vector of labels whose rows separate ({why}); use MCMC")
    for potential in model.potentials:
        raise ModelError(f"VB: {potential.name} is a potential, which has no closed form; use MCMC")
    for node in [*model.stochastics, *model.data_nodes]:
        if not isinstance(node, Distribution):
            raise ModelError(
                f"VB: {node.name} has a distribution of its own, which is not seen to be conjugate; use MCMC"
            )
    parts.structure.recording.rows.refuse_weighted("VB", given=False)
    if not model.stochastics:
        raise ModelError("VB: the model has nothing unknown: every random node is observed")


def _guarded(factor: Factor, make: Callable[[], Any]) -> Any:
    """A refusal with the name of the node."""
    try:
        return make()
    except (NotConjugate, NotSeparable) as reason:
        raise ModelError(f"VB: {factor.node.name} is not conjugate: {reason}; use MCMC") from reason


# -------------------------------------------------------------------- unknowns


def _posterior(node: Stochastic, parts: Parts) -> None:
    assert isinstance(node, Distribution)
    structure, recording = parts.structure, parts.structure.recording
    if structure.is_forward_sampled(node) and (node.mask is not None or np.dtype(node.dtype).kind in "iub"):
        parts.left_out.append(node)
        return
    if structure.block_of(node) is not None:
        return
    if gap_node(node, structure) is not None:  # integrated out by the pass
        parts.left_out.append(node)
        return
    if node.mask is not None or np.dtype(node.dtype).kind in "iub":
        what = "missing entries that others depend on" if node.mask is not None else "discrete, and no vector of labels"
        raise ModelError(f"VB: {node.name} is not conjugate: {what}; use MCMC")
    factor = recording.own_factor(node)
    _guarded(factor, lambda: _with_prior(node, factor, parts))


def _with_prior(node: Distribution, factor: Factor, parts: Parts) -> None:
    found = PRIORS.get(node.family.name)
    if found is None:
        raise NotConjugate(f"a {node.family.name} prior has no closed form here")
    kind, kinds = found
    cells = int(np.prod(node.shape[: len(node.shape) - len(node.event_shape)], dtype=int))
    links = {}
    for name, x in factor.parameters.items():
        axes = KNOWN_AXES.get(name, 0) if kinds[name] == "known" else {"vector": 1, "wishart": 2}.get(kinds[name], 0)
        links[name] = _prior_link(x, kinds[name], axes, node, cells, parts)
    if node.family.name == "Uniform":
        ends = [links[k].moments().first for k in ("lower", "upper")]
        if np.any(ends[0] != 0.0) or np.any(ends[1] != 1.0):
            raise NotConjugate("a Uniform prior is conjugate as that of a probability, from 0 to 1, only")
    pair = joint_of(node, parts.structure)
    given = pair if pair is not None and pair.mean is node and pair.relative.is_constant else None
    posterior = KINDS[kind](node) if given is None else _conditional(given, cells, parts)
    hyper = (Hyper if given is None else ConditionalDistribution)(node.family, links, posterior)
    parts.priors[node] = lambda: prior_of(node.family.name, hyper.moments())
    posterior.update(parts.priors[node](), None, None)
    parts.posteriors[node] = posterior
    parts.centres[node] = links.get("mean")
    if any(link.posterior is not None for link in links.values()):
        parts.statements.append(hyper)


def _conditional(pair: Joint, cells: int, parts: Parts) -> ConditionalNormal:
    relative = np.broadcast_to(np.ravel(pair.relative.known).astype(float), (cells,))
    return ConditionalNormal(pair.mean, parts.posteriors[pair.precision], np.tile(relative, parts.starts))


def _prior_link(x: Expression, kind: str, axes: int, node: Distribution, cells: int, parts: Parts) -> Link:
    """A parameter of a prior with one entry per element of the node, however it was broadcast."""
    batch = node.shape[: len(node.shape) - len(node.event_shape)]
    event = x.shape[x.ndim - axes :]
    if x.is_constant or not x.leaves:
        value = np.broadcast_to(np.asarray(evaluate(x, {}), dtype=float), (*batch, *event))
        return Link(kind, certain(kind, value.reshape((cells, *event)))).tiled(parts.starts)
    wide = (
        x if x.size == int(np.prod(event, dtype=int)) else reshape(broadcast_to(x, (*batch, *event)), (cells, *event))
    )
    return _link(wide, kind, cells, parts)


# -------------------------------------------------------------------- labels


def _pass(block: LabelBlock, parts: Parts) -> LabelPass:
    own = parts.structure.recording.own_factor(block.label.node)
    weights = _guarded(own, lambda: _weights(block, own, parts))
    statements = [_guarded(s.factor, partial(_labelled, s, block, parts)) for s in block.factors]
    for statement in statements:
        parts.columns.setdefault(statement.name, []).append(statement)
    parts.statements += [*statements, *([] if isinstance(weights, np.ndarray) else [weights])]
    return LabelPass(block.label, weights, statements, parts.starts)


def _weights(block: LabelBlock, own: Factor, parts: Parts) -> AnyWeights:
    if own.family is MARKOV_CHAIN and own.x is block.label.variable:
        k, chain = block.label.n_labels, own.parameters
        links = {"transitions": _link(chain["transitions"], "dirichlet", k, parts)}
        links["initial"] = _link(chain["initial"], "dirichlet", 1, parts)
        return ChainWeights(block.label, own, links, parts.starts)
    if block.log_weights is None:
        raise NotConjugate(f"its {block.distribution.why_not_exchanged or 'labels follow one another'}")
    if not block.log_weights.leaves:
        return np.tile(np.asarray(evaluate(block.log_weights, {}), dtype=float), parts.starts)
    counts, name = np.zeros(parts.starts * block.label.n_labels), block.label.node.name
    family = block.label.node.family.name
    if family == "Bernoulli":
        x = own.parameters["probability"]
        if x.size != 1:
            raise NotConjugate("its weights vary by row")
        return Weights(name, _link(reshape(x, ()), "beta", 1, parts), counts, True)
    if family != "Categorical":
        raise NotConjugate(f"labels with a {family} distribution of unknown parameters")
    return Weights(name, _weights_link(own.parameters["probabilities"], parts), counts, False)


def _weights_link(x: Expression, parts: Parts) -> Link:
    """Weights as a simplex of their own, or as a probability and its complement."""
    if x.ndim != 1:
        raise NotConjugate("its weights vary by row")
    posteriors = [parts.posteriors.get(leaf.extra) for leaf in x.leaves]
    if len(posteriors) == 1 and posteriors[0] is not None and posteriors[0].kind == "beta":
        return _link(x, "beta", x.size, parts)
    return _link(x, "dirichlet", 1, parts)


def _link(x: Expression, kind: str, cells: int, parts: Parts) -> Link:
    return link(x, kind, cells, parts.structure.recording, parts.posteriors).tiled(parts.starts)


def _labelled(s: SeparableFactor, block: LabelBlock, parts: Parts) -> Labelled:
    family, label = s.factor.family, block.label
    if s.labels != [label] or family is None:
        raise NotConjugate(
            "its rows depend on several label vectors" if len(s.labels) > 1 else "its distribution is its own"
        )
    if s.factor.x is None or not (s.factor.x.is_constant or s.gaps is not None):
        raise NotConjugate("its values are unknown")
    if family.name in ("Categorical", "Multinomial"):
        return _categories(s, block, parts)
    if family.name not in (*EXPECTED, *VECTORS):
        raise NotConjugate(f"the {family.name} distribution has no conjugate messages here")
    _refuse_ends(s.factor)
    if s.cells is None or s.cells.size != label.n_labels:
        raise NotConjugate("its parameters vary by row besides the labels")
    links = {n: _link(x, kind_of(family, n), label.n_labels, parts) for n, x in s.cells.parameters.items()}
    if family.name in VECTORS:
        links = {VECTORS[family.name].get(n, n): found for n, found in links.items()}
        return Vectors(s, label, links, parts.starts)
    if family.name == "Binomial" and np.unique(links["trials"].moments().first).size > 1:
        raise NotConjugate("its numbers of trials differ")
    return Numbers(s, label, links, parts.starts, family)


def _refuse_ends(factor: Factor) -> None:
    """Refuse rows whose statistics are no numbers: ends of a support, where a density is nought or has no bound."""
    family = factor.family
    statistics = None if family is None or family.vectors is not None else family.statistics
    if statistics is None or factor.x is None or not factor.x.is_constant:
        return
    x = np.asarray(factor.x.known, dtype=float)
    with np.errstate(all="ignore"):
        bad = [~np.isfinite(np.asarray(c.transform(x), dtype=float)) for c in statistics.columns]
    places = np.flatnonzero(np.logical_or.reduce(bad)) if bad else np.zeros(0, dtype=int)
    if places.size:
        raise NotConjugate(f"row {places[0]} is {np.ravel(x)[places[0]]:g}, an end of its distribution's support")


def _categories(s: SeparableFactor, block: LabelBlock, parts: Parts) -> Labelled:
    label, x = block.label, s.factor.parameters["probabilities"]
    values = constant(label.values)
    at = {label.variable: values}
    at |= {p: reshape(values, (values.size, *[1] * (p.ndim - 1))) for p in looked_up(x, label.variable)}
    table = substitute(x, at)
    if table.ndim == 2 and table.shape[0] != label.n_labels:
        raise NotConjugate("its weights vary by row besides the labels")
    found = _link(table, "dirichlet", label.n_labels, parts)
    if s.factor.family is not None and s.factor.family.name == "Categorical":
        return Categories(s, label, {"probabilities": found}, parts.starts, table.shape[-1])
    assert s.factor.x is not None
    return Counts(s, label, {"probabilities": found}, parts.starts, np.asarray(s.factor.x.known, dtype=float))


# -------------------------------------------------------------------- data without labels


def _known(e: Contribution, parts: Parts) -> Statement:
    family, name = e.factor.family, e.factor.node.name
    if family is None or e.factor.x is None or not e.factor.x.is_constant:
        raise NotConjugate("its values are unknown")
    x = np.asarray(e.factor.x.known, dtype=float)
    if family.name in ("Categorical", "Multinomial"):
        return _counted(e, x, parts)
    if family.name not in (*EXPECTED, *VECTORS) or e.sums is None:
        raise NotConjugate(f"the {family.name} distribution has no conjugate messages here")
    _refuse_ends(e.factor)
    shape = e.elements.shape
    cells = int(np.prod(shape, dtype=int))
    links = {}
    for parameter, value in e.parameters.items():
        kind = kind_of(family, parameter)
        event = value.shape[value.ndim - {"vector": 1, "wishart": 2, "inverse wishart": 2}.get(kind, 0) :]
        links[parameter] = _link(_laid_out(value, shape, cells, event), kind, cells, parts)
    trials = links["trials"].moments().first if "trials" in links else np.zeros(1)
    if np.unique(trials).size > 1:
        raise NotConjugate("its numbers of trials differ")
    if family.name in VECTORS:
        links, family = {VECTORS[family.name].get(n, n): found for n, found in links.items()}, MV_NORMAL
    width = family.event_ndim
    sums = _tiled(_sums(e.sums, cells, x.shape[-1:] if width else ()), parts.starts)
    return Known(name, family, links, sums, x)


def _laid_out(x: Expression, shape: tuple[int, ...], cells: int, event: tuple[int, ...]) -> Expression:
    if x.size == int(np.prod(event, dtype=int)):
        return reshape(x, event)
    return reshape(broadcast_to(x, (*shape, *event)), (cells, *event))


def _sums(sums: Sums, cells: int, event: tuple[int, ...]) -> Sums:
    """Known statistics as plain arrays with an entry per cell."""

    def plain(x: Any, own: tuple[int, ...]) -> Any:
        if x is None:
            return None
        value = np.asarray(evaluate(x, {}) if isinstance(x, Expression) else x, dtype=float)
        size = int(np.prod(own, dtype=int))
        return np.broadcast_to(value.reshape((-1, *own)) if value.size >= size else value, (cells, *own))

    return Sums(
        plain(sums.n, ()),
        tuple(plain(x, event) for x in sums.sums),
        tuple(plain(x, event * 2) for x in sums.squares),
        tuple(plain(x, event) if sums.alone else x.known for x in sums.shifts),
        sums.alone,
    )


def _tiled(sums: Sums, starts: int) -> Sums:
    return Sums(
        repeated(sums.n, starts),
        tuple(repeated(x, starts) for x in sums.sums),
        tuple(repeated(x, starts) for x in sums.squares),
        tuple(repeated(x, starts) for x in sums.shifts) if sums.alone else sums.shifts,
        sums.alone,
    )


def _counted(e: Contribution, x: np.ndarray, parts: Parts) -> Counted:
    weights, name = e.factor.parameters["probabilities"], e.factor.node.name
    n = weights.shape[-1]
    many = e.factor.family is not None and e.factor.family.name == "Multinomial"
    base = coefficient(x) if many else 0.0
    if weights.ndim == 1:
        total = x.reshape(-1, n).sum(0) if many else np.bincount(x.ravel().astype(int), minlength=n)
        counts = repeated(np.asarray(total, dtype=float)[None], parts.starts)
        return Counted(name, _weights_link(weights, parts), counts, base)
    if weights.ndim != 2:
        raise NotConjugate("its weights have more axes than rows and categories")
    each = x if many else (x.ravel()[:, None] == np.arange(n)).astype(float)
    return Counted(name, _link(weights, "dirichlet", weights.shape[0], parts), repeated(each, parts.starts), base)


__all__ = ["Parts", "read", "seen"]

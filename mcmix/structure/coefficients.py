"""Coefficients of linear predictors: one normal distribution of all that meet in a row, given labels and precisions.

Rows with precision w, value y and mean o + d'v say of the coefficients v: precision matrix w d d', linear part
w d (y - o), summed over rows (Lindley and Smith 1972, "Bayes estimates for the linear model"). A row touches the few
coefficients of its own component, so the matrix falls into blocks that are drawn one after another.

Rows of counts, and of yes and no, have a linear predictor below a link; variables that some of them depend on have the
same blocks and priors, and are proposed instead of drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.coefficient_group import Coefficients
from mcmix.structure.coefficient_sums import add_collected_products, add_known_products
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant, elementwise, scatter
from mcmix.structure.joint_priors import joint_of
from mcmix.structure.linear import Linear, Term, linear
from mcmix.structure.linked import LinkedChild, linked_parameter, numbers_of, offset_of, read_link
from mcmix.structure.meetings import Child, meetings
from mcmix.structure.vector_conjugacy import natural_prior

VECTORS = ("MvNormal", "MvNormalCov", "MvNormalChol")
MOST_TOGETHER = 128  # coefficients of several variables in one block
MOST_ALONE = 512  # of one variable
MOST_PROPOSED = 64  # coefficients in one block that are proposed together, below links


def coefficients_of(node: Stochastic, structure: Structure) -> Coefficients | None:
    """What a variable is drawn with as a coefficient, or None; found once for all variables and kept."""
    if structure.coefficients is None:
        structure.coefficients = _found(structure)
    found: Coefficients | None = structure.coefficients.get(node)
    return found


def _found(structure: Structure) -> dict[Stochastic, Coefficients]:
    candidates = [n for n in structure.recording.leaves if _may_be(n, structure)]
    found: dict[Stochastic, Coefficients] = {}
    for nodes in _together(candidates, structure):
        for made in _groups(nodes, structure):
            found |= dict.fromkeys(made.nodes, made)
    return found


def _may_be(node: Stochastic, structure: Structure) -> bool:
    """Whether a variable has a normal prior, or a flat one, and no step that serves it better."""
    if node.mask is not None or node in structure.apart or node in structure.held or structure.is_forward_sampled(node):
        return False
    if not isinstance(node, Distribution):
        return _is_flat(node, structure)
    return (node.family.name == "Normal" or node.family.name in VECTORS) and joint_of(node, structure) is None


def _is_flat(node: Stochastic, structure: Structure) -> bool:
    """Whether a distribution of the user's is the same everywhere on the real line."""
    own = structure.recording.own_factor(node)
    known = own.elements.is_constant and bool(np.isfinite(own.elements.known).all())
    return known and np.dtype(node.dtype).kind == "f" and not node.holds_object


def _together(candidates: Sequence[Stochastic], structure: Structure) -> list[list[Stochastic]]:
    """Candidates in groups that belong together by the rows that they meet in."""
    leaves = structure.recording.leaves
    number = {leaves[n]: i for i, n in enumerate(candidates)}
    pairs = [(i, i) for i in range(len(candidates))]
    for e in structure.contributions:
        name = _mean_of(e)
        met = [number[v] for v in e.parameters[name].leaves if v in number] if name is not None else []
        # A star ties the same things together as all pairs do.
        pairs += [(met[0], i) for i in met]
    groups = _joined(np.array(pairs, dtype=np.int64).reshape(-1, 2), len(candidates))
    return [[n for n, g in zip(candidates, groups, strict=True) if g == k] for k in range(max(groups, default=-1) + 1)]


def _joined(pairs: np.ndarray, n: int) -> np.ndarray:
    """The number of each of n things' group, where pairs belong together."""
    if n == 0:
        return np.zeros(0, np.int64)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])


def _mean_of(e: Contribution) -> str | None:
    """The parameter with a normal message, or that may stand below a link, where there is one."""
    linked = linked_parameter(e)
    if linked is not None:
        return linked if e.factor.x is not None else None
    statistics = e.factor.family.statistics if e.factor.family is not None else None
    if statistics is None or e.sums is None or e.over == "labels":
        return None
    return next((name for name, message in statistics.messages.items() if message.kind == "normal"), None)


# -------------------------------------------------------------------- which are drawn together


def _groups(nodes: list[Stochastic], structure: Structure) -> Iterator[Coefficients]:
    """Those that meet in some row, in one draw each; where that is too much, or not linear, one variable at a time."""
    whole = _read(nodes, structure) if len(nodes) > 1 else None
    parts = [[n] for n in nodes] if whole is None else _meeting(whole, structure)
    for part in parts:
        if len(part) == 1 and isinstance(conjugate(part[0], structure), Conjugate):
            continue  # one by one, each element is drawn without a matrix
        made = _complete(part, structure)
        if made is not None and len(part) == 1 and _sliced(made):
            continue
        if made is None and len(part) > 1:
            yield from (m for n in part for m in _groups([n], structure))
        elif made is not None:
            yield made


def _sliced(made: Coefficients) -> bool:
    """Whether slices move elements as well: each alone in its cells, of which there are few, whatever the rows are."""
    return bool(made.linked) and all(len(c.terms) == 1 and c.contribution.over == "cells" for c in made.children)


def _meeting(whole: Coefficients, structure: Structure) -> list[list[Stochastic]]:
    """Variables in groups: two are in one where some row, for some labels, has a coefficient of each."""
    # Two variables are put together only where they certainly meet: a guess would make blocks too large for one draw.
    pairs = [meetings(c, whole.size, structure, sure=True) for c in whole.children]
    owner = np.repeat(np.arange(len(whole.nodes)), [leaf.size for leaf in whole.starts])
    groups = _joined(owner[np.concatenate(pairs)], len(whole.nodes))
    return [[n for n, g in zip(whole.nodes, groups, strict=True) if g == k] for k in range(max(groups) + 1)]


def _complete(nodes: list[Stochastic], structure: Structure) -> Coefficients | None:
    """Blocks and prior of variables that are drawn together, or None where a block is too large."""
    made = _read(nodes, structure)
    if made is None:
        return None
    # Blocks are made once and labels change: every pair that some labels may bring together must be in one block.
    pairs = [meetings(c, made.size, structure, sure=False) for c in made.children] + [_prior_pairs(made)]
    blocks = _joined(np.concatenate(pairs), made.size)
    sizes = np.bincount(blocks)
    most = MOST_ALONE if len(nodes) == 1 else MOST_PROPOSED if made.linked else MOST_TOGETHER
    if sizes.max() > most:
        return None
    by_block = np.argsort(blocks, kind="stable")
    made.order = np.empty(made.size, np.int64)
    made.order[by_block] = np.arange(made.size)
    made.sizes = sizes.astype(np.int64)
    _add_prior(made, structure)
    if made.linked:
        return None if made.flat.any() else made
    add_known_products(made)
    add_collected_products(made, structure)
    return made


def _read(nodes: list[Stochastic], structure: Structure) -> Coefficients | None:
    """The rows of several variables as linear predictors of all of them, or None."""
    leaves = [structure.recording.leaves[n] for n in nodes]
    starts = dict(zip(leaves, np.cumsum([0, *[v.size for v in leaves]])[:-1].tolist(), strict=True))
    own = [structure.recording.own_factor(n) for n in nodes]
    if any(v in p.leaves for f in own for p in f.parameters.values() for v in leaves):
        return None
    children = {e: None for n in nodes for e in structure.about(n) if e.factor not in own}
    read = [_child(e, starts) for e in children]
    if not read or any(c is None for c in read):
        return None
    return Coefficients(nodes, starts, [c for c in read if c is not None])


def _child(e: Contribution, starts: Mapping[Expression, int]) -> Child | None:
    """What rows say, where the coefficients are in their mean alone, and linear there."""
    name, leaves = _mean_of(e), set(starts)
    if name is None or e.factor.family is None:
        return None
    touching = [p for p, x in e.parameters.items() if x.leaves & leaves]
    if touching != [name] or (e.factor.x is not None and e.factor.x.leaves & leaves):
        return None
    if linked_parameter(e) is not None:
        return _linked_child(e, starts)
    assert e.factor.family.statistics is not None and e.sums is not None
    predictor = linear(e.parameters[name], starts)
    if predictor is None or not predictor.terms:
        return None
    others = {p: x for p, x in e.parameters.items() if p != name}
    first, second = e.factor.family.statistics.messages[name].natural(e.sums, others)
    return _laid_out(e, ex.as_expression(first), ex.as_expression(second), predictor)


def _laid_out(e: Contribution, weight: Expression, second: Expression, predictor: Linear) -> Child:
    """All numbers of the rows, one row after another."""
    # w y - w o = w (y - o)
    rest = second if predictor.offset is None else second - weight * predictor.offset
    return Child(e, max(e.elements.size, 1), _flat(e, weight), _flat(e, rest), _flat_terms(e, predictor))


def _linked_child(e: Contribution, starts: Mapping[Expression, int]) -> LinkedChild | None:
    """What rows below a link say."""
    found = read_link(e, set(starts))
    predictor = None if found is None else linear(found.predictor, starts)
    if found is None or predictor is None or not predictor.terms:
        return None
    link, added = offset_of(e, found)
    parts = [p for p in (predictor.offset, added) if p is not None]
    offset = parts[0] + parts[1] if len(parts) == 2 else (parts or [constant(0.0)])[0]
    first, second = (_flat(e, x) for x in numbers_of(e))
    rows, terms = max(e.elements.size, 1), _flat_terms(e, predictor)
    return LinkedChild(e, rows, second, first, terms, _flat(e, offset), link, found.link)


def _flat_terms(e: Contribution, predictor: Linear) -> tuple[Term, ...]:
    return tuple(Term(_flat(e, t.slope), _flat(e, t.index)) for t in predictor.terms)


def _flat(e: Contribution, x: Expression) -> Expression:
    """Numbers of each row, one row after another, or one for all."""
    if x.size == 1:
        return ex.reshape(x, ())
    shape = e.elements.shape
    return ex.reshape(x if x.shape == shape else ex.broadcast_to(x, shape), (max(e.elements.size, 1),))


# -------------------------------------------------------------------- the prior


def _prior_pairs(group: Coefficients) -> np.ndarray:
    """Coefficients that a prior of vectors ties together."""
    found = [np.zeros((0, 2), np.int64)]
    for node, (leaf, start) in zip(group.nodes, group.starts.items(), strict=True):
        if isinstance(node, Distribution) and node.family.event_ndim:
            numbers = start + np.arange(leaf.size).reshape(-1, leaf.shape[-1])
            pairs = np.stack(np.broadcast_arrays(numbers[:, :1], numbers), axis=-1)
            found.append(pairs.reshape(-1, 2))
    return np.concatenate(found)


def _add_prior(group: Coefficients, structure: Structure) -> None:
    """Precision and linear part of all priors, in the order of the blocks."""
    group.flat = np.zeros(group.size, bool)
    matrices: list[tuple[Expression, np.ndarray]] = []
    linears: list[tuple[Expression, np.ndarray]] = []
    for node, (leaf, start) in zip(group.nodes, group.starts.items(), strict=True):
        numbers = start + np.arange(leaf.size)
        if not isinstance(node, Distribution):
            group.flat[numbers] = True
            continue
        own = structure.recording.own_factor(node).parameters
        axes = node.family.event_ndim
        first, second = _vectors(node, own, leaf.size) if axes else _numbers(own, leaf.shape)
        wide = numbers.reshape(-1, leaf.shape[-1] if axes else 1)
        row, column = (np.ravel(p) for p in np.broadcast_arrays(wide[:, :, None], wide[:, None, :]))
        once = np.flatnonzero(row >= column)  # one entry of each pair: the kernel adds the two
        matrices.append((ex.gather(first, once), _entries(group, row[once], column[once])))
        linears.append((second, group.order[numbers]))
        if first.is_constant and not axes:
            group.flat[numbers] = np.broadcast_to(first.known == 0.0, numbers.shape)
    group.precision = _spread(matrices, int((group.sizes**2).sum()))
    group.linear = _spread(linears, group.size)


def _vectors(node: Distribution, own: Mapping[str, Expression], size: int) -> tuple[Expression, Expression]:
    first, second = natural_prior(node, own, size // node.event_shape[-1])
    return ex.reshape(first, (-1,)), ex.reshape(second, (-1,))


def _numbers(own: Mapping[str, Expression], shape: tuple[int, ...]) -> tuple[Expression, Expression]:
    precision, mean = (
        own[name] if own[name].shape == shape else ex.broadcast_to(own[name], shape) for name in ("precision", "mean")
    )
    return ex.reshape(precision, (-1,)), ex.reshape(elementwise("multiply", precision, mean), (-1,))


def _entries(group: Coefficients, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Where entries of the blocks' matrices stand, for coefficients of one block each."""
    return np.asarray(group.row_starts[group.order[row]] + group.order[column])


def _spread(parts: Sequence[tuple[Expression, np.ndarray]], size: int) -> Expression:
    if not parts:
        return constant(np.zeros(size))
    values, places = zip(*parts, strict=True)
    return scatter(ex.concatenate(list(values)), np.concatenate(places), size)


__all__ = ["Coefficients", "coefficients_of"]

"""Labels of units that are seen in pairs (stochastic block models): which pairs, and what each says of two labels.

The log density of every value under every two labels is the recorded density itself, the labels of pairs replaced by
all that they can be. Whether components change places, rows and columns of what pairs look up together, is asked of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.errors import TraceError
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression, constant, elementwise, leaf
from mcmix.structure.label_distributions import SharedWeights
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.recorded import Factor
from mcmix.structure.rewrite import NotSeparable, substitute
from mcmix.structure.table_reading import Tables, Unreadable, read_table
from mcmix.structure.told_apart import Differences, differences
from mcmix.structure.walks import ordered

MOST_VALUES = 64  # that pairs may have
NEAR = 1e-9


@dataclass(eq=False)
class Pairs:
    """Units that are seen in pairs.

    Attributes
    ----------
    label : LabelVector
    factor : Factor
        Of the pairs.
    first, second : ndarray of int, shape (pairs,)
        Their units.
    numbers : ndarray of int, shape (pairs,)
        Which of their distinct values they have.
    table : Expression, shape (values * K * K,)
        Log density of each value, whatever the labels of the first and the second unit.
    log_weights : Expression, shape (K,)
    """

    label: LabelVector
    factor: Factor
    first: np.ndarray
    second: np.ndarray
    numbers: np.ndarray
    table: Expression
    log_weights: Expression


def pairs_of(label: LabelVector, structure: Structure) -> Pairs | None:
    """The pairs of a label vector whose rows do not separate, if that is what they are."""
    recording = structure.recording
    own = recording.own_factor(label.node)
    about = [f for f in recording.factors if f is not own and f.touches(label.variable)]
    weights = own.parameters.get("probabilities")
    if label not in structure.non_factorising or label.node in structure.apart or label.column is not None:
        return None
    if len(about) != 1 or weights is None or weights.shape != (label.n_labels,) or own.touches(label.variable) is False:
        return None
    try:
        return _read(label, about[0], elementwise("log", weights))
    except (NotSeparable, TraceError):  # something else in it goes by pair
        return None


def _read(label: LabelVector, factor: Factor, log_weights: Expression) -> Pairs | None:
    x, elements = factor.x, factor.elements
    if x is None or not x.is_constant or x.ndim != 1 or elements.shape != x.shape or factor.places is not None:
        return None
    looked_up = [p for p in ordered(elements) if p.op == "take" and p.arguments[0] is label.variable]
    if len(looked_up) != 2 or any(not p.arguments[1].is_constant or p.shape != x.shape for p in looked_up):
        return None
    first, second = (np.asarray(p.arguments[1].known).astype(np.int64) for p in looked_up)
    values, numbers = np.unique(np.asarray(x.known), return_inverse=True)
    if len(values) > MOST_VALUES or (first == second).any():
        return None
    k = label.n_labels
    grid = np.indices((len(values), k, k)).reshape(3, -1)
    all_labels = [constant(label.values[grid[1]]), constant(label.values[grid[2]])]
    replaced = {looked_up[0]: all_labels[0], looked_up[1]: all_labels[1], x: constant(values[grid[0]])}
    table = substitute(elements, replaced)
    if label.variable in table.leaves or table.shape != (grid.shape[1],):
        return None
    return Pairs(label, factor, first, second, np.ravel(numbers).astype(np.int64), table, log_weights)


def tables_of_pairs(pairs: Pairs, structure: Structure) -> tuple[Tables, Differences] | str:
    """What belongs to each component, and what tells components apart; or why that is not seen."""
    found, k = Tables(), pairs.label.n_labels
    nodes = {leaf: n for n, leaf in structure.recording.leaves.items()}
    squares = [nodes[x] for x in pairs.table.leaves]
    if any(n.state_shape != (k, k) for n in squares) or not _change_places(pairs, squares):
        return f"{pairs.factor.node.name} looks up something else than a table of pairs of components"
    try:
        read_table(pairs.log_weights, k, structure, found)
    except Unreadable as why:
        return str(why)
    for node in squares:
        found.squares.append(node)
        found.add([(node, j * k + j) for j in range(k)])
    rows = SeparableFactor(pairs.factor, pairs.factor.elements, [pairs.label], None)
    counts = leaf(("units", pairs.label.node), (k,))
    block = LabelBlock(pairs.label, SharedWeights(pairs.label, pairs.log_weights), [rows], counts)
    apart = differences(found, block, structure)
    others = [f for n in squares for f in (e.factor for e in structure.about(n)) if f is not pairs.factor]
    for node in squares:
        if any(f.node is not node and structure.recording.leaves[node] in f.elements.leaves for f in others):
            apart.note(f"{node.name} has other uses", range(k))
    return found, apart


def _change_places(pairs: Pairs, squares: list[Stochastic]) -> bool:
    """Whether log densities change places as rows and columns of all that is looked up do."""
    k, rng = pairs.label.n_labels, np.random.default_rng(37)
    for order in (np.roll(np.arange(k), 1), np.array([1, 0, *range(2, k)])):
        values = {n: rng.beta(2.0, 2.0, (k, k)) for n in squares}
        before = evaluate(pairs.table, values).reshape(-1, k, k)
        after = evaluate(pairs.table, {n: x[order][:, order] for n, x in values.items()}).reshape(-1, k, k)
        if not (np.isfinite(before).all() and np.allclose(after, before[:, order][:, :, order], rtol=NEAR, atol=0.0)):
            return False
    return True


__all__ = ["Pairs", "pairs_of", "tables_of_pairs"]

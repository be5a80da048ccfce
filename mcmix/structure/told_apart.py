"""What tells the components of a label block apart: known numbers, known labels, weights, priors and other evidence.

Each difference says in words what it is, and gives every component a key: those with equal keys are alike to it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.contributions import Contribution, LabelBlock, Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.table_reading import Tables, is_alike
from mcmix.structure.tokens import Places, all_entries
from mcmix.structure.weights_by_row import tables_of_weights_by_row


@dataclass
class Differences:
    """All that tells components of a block apart.

    Attributes
    ----------
    keys : list of (str, sequence)
        What it is, in words, and each component's key.
    shared_with : list of str
        Other label vectors that look up the same components.
    """

    keys: list[tuple[str, Sequence[Hashable]]] = field(default_factory=list)
    shared_with: list[str] = field(default_factory=list)

    def note(self, why: str, keys: Sequence[Hashable]) -> None:
        """Keep what tells components apart, if it does."""
        if len(set(keys)) > 1:
            self.keys.append((why, keys))

    def classes(self, n_components: int) -> list[list[int]]:
        """Components that are alike to everything, each class in increasing order, by their first component."""
        found: dict[Hashable, list[int]] = {}
        for k in range(n_components):
            found.setdefault(tuple(keys[k] for _, keys in self.keys), []).append(k)
        return list(found.values())

    @property
    def why(self) -> str:
        """What tells classes apart, in words."""
        return "; ".join(dict.fromkeys(why for why, _ in self.keys))


def differences(read: Tables, block: LabelBlock, structure: Structure) -> Differences:
    """What tells components apart whose tables permute with them."""
    found, beside = Differences(), beside_the_likelihood(read, block, structure)
    for rows in read.known:
        found.note("a known table differs between components", [row.tobytes() for row in rows])
    _known_labels(found, block)
    if read.counted and block.log_weights is not None:
        found.note(*_weights_apart(block.log_weights))
    _complements(found, beside, read, structure)
    _squares(found, read, structure)
    proportions = _proportions(found, read, block, structure)
    beside = [e for e in beside if e.factor.node not in [*read.squares, *proportions]]
    places, n_components = _places(read, structure), block.label.n_labels
    for why, about in _grouped(beside, found, read, block, structure).items():
        found.note(why, _keys(about, places, n_components))
    return found


def _weights_apart(weights: Expression) -> tuple[str, Sequence[Hashable]]:
    """Weights that stay where they are when components change places."""
    if not weights.leaves:
        return "known weights differ", evaluate(weights, {}).tolist()
    names = ", ".join(sorted(x.extra.name for x in weights.leaves))
    return f"each weight is another function of {names}", range(weights.size)


def beside_the_likelihood(read: Tables, block: LabelBlock, structure: Structure) -> list[Contribution]:
    """Everything that depends on the tables' variables except the likelihood and label prior of the block."""
    inside = {s.factor for s in block.factors} | {structure.recording.own_factor(block.label.node)}
    leaves = {structure.recording.leaves[v] for v in read.variables}
    return [e for e in structure.contributions if e.factor not in inside and e.elements.leaves & leaves]


def _known_labels(found: Differences, block: LabelBlock) -> None:
    """A component that some unit is known to be in has a name of its own."""
    # Exchanging such a component would change labels that are data.
    pinned = block.label.known_counts > 0
    found.note(_known_for_some(block.label.node), [k if known else -1 for k, known in enumerate(pinned)])


def _known_for_some(label: Stochastic) -> str:
    return f"labels of {label.name} are known for some units"


def _complements(found: Differences, beside: Sequence[Contribution], read: Tables, structure: Structure) -> None:
    for node in read.complements:
        leaf = structure.recording.leaves[node]
        about = [e for e in beside if leaf in e.elements.leaves]
        if any(e.factor.node is not node for e in about) or not _symmetric(node):
            found.note(f"the priors differ: {node.name}", range(2))


def _squares(found: Differences, read: Tables, structure: Structure) -> None:
    """Priors of variables of which both axes are components: rows that are alike but for their own entry."""
    for node in read.squares:
        parameters = structure.recording.own_factor(node).parameters.values()
        k = node.state_shape[0]
        if not parameters or not all(is_alike(c) for p in parameters for c in _tried_values(p, (k, k))):
            found.note(f"the priors differ: {node.name}", range(k))


def _proportions(found: Differences, read: Tables, block: LabelBlock, structure: Structure) -> list[Stochastic]:
    """Priors of weights by row that are simplexes, row after row: by the concentrations of each component."""
    names = [v for v in read.variables if v in tables_of_weights_by_row(block, structure) and len(v.state_shape) > 1]
    simplexes = [v for v in names if getattr(v.family, "name", "") == "Dirichlet"]
    for node in simplexes:
        concentration = structure.recording.own_factor(node).parameters["concentration"]
        for values in _tried_values(concentration, node.state_shape):
            rows = values.reshape(-1, block.label.n_labels)
            found.note(f"the priors differ: {node.name}", [column.tobytes() for column in rows.T.copy()])
    return simplexes


def _tried_values(x: Expression, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A table at two values of the unknown numbers that it is made of; nothing alike where these are many."""
    for number in (0.7, 1.9):
        if any(leaf.size > 1 for leaf in x.leaves):
            yield np.arange(np.prod(shape)).reshape(shape)
        else:
            values = evaluate(x, {leaf.extra: np.full(leaf.shape, number) for leaf in x.leaves})
            yield np.broadcast_to(values, shape)


def _symmetric(node: Stochastic) -> bool:
    """Whether a probability's prior is the same for its complement."""
    name = getattr(node.family, "name", "")
    given = list(node.parents.values())
    if any(not np.isscalar(g) and not isinstance(g, np.ndarray) for g in given):
        return False
    first, second = (float(np.ravel(g)[0]) for g in given[:2]) if len(given) == 2 else (0.0, 1.0)
    # Uniform on [a, 1 - a] and Beta(a, a) are symmetric about 1/2.
    return (name == "Uniform" and abs(first + second - 1.0) < 1e-12) or (name == "Beta" and first == second)


def _places(read: Tables, structure: Structure) -> Places:
    places: dict[Expression, dict[int, tuple[int, int]]] = {}
    for number, table in enumerate(read.tables):
        for k, (node, element) in enumerate(table):
            places.setdefault(structure.recording.leaves[node], {})[element] = (number, k)
    return places


def _grouped(
    evidence: Sequence[Contribution], found: Differences, read: Tables, block: LabelBlock, structure: Structure
) -> dict[str, list[Contribution]]:
    """Pieces of evidence by what they are called; priors of the variables of one list belong together."""
    groups: dict[str, list[Contribution]] = {}
    others = {b.label.variable: b.label.node.name for b in structure.blocks if b is not block}
    for e in evidence:
        shared = sorted(name for variable, name in others.items() if variable in e.factor.elements.leaves)
        pins = block.label.node.mask is not None and e.factor.node in _nodes_of(block)
        found.shared_with += [name for name in shared if name not in found.shared_with and not pins]
        called = _known_for_some(block.label.node) if pins else _called(e, shared, read)
        groups.setdefault(called, []).append(e)
    return groups


def _nodes_of(block: LabelBlock) -> list[object]:
    return [block.label.node, *[s.factor.node for s in block.factors]]


def _called(e: Contribution, shared: Sequence[str], read: Tables) -> str:
    if shared:
        return f"{' and '.join(shared)} looks up the same components: only together could they be exchanged"
    for table in read.tables:
        names = dict.fromkeys(v.name for v, _ in table)
        if e.factor.node.name in names:
            return f"the priors differ: {', '.join(names)}"
    return f"{e.factor.node.name} tells them apart"


def _keys(about: Sequence[Contribution], places: Places, n_components: int) -> list[Hashable]:
    """How the evidence is made of each component; a number of its own where it stands apart."""
    # Exchangeable components: the log prior is the same sum after two of them change places.
    own, apart = all_entries([e.elements for e in about], places, n_components)
    return [k if k in apart else frozenset(own[k].items()) for k in range(n_components)]


__all__ = ["Differences", "beside_the_likelihood", "differences"]

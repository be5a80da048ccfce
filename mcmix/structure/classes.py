"""Which components of a label block are alike: within a class, every permutation leaves likelihood and priors alike.

The exchange of :mod:`mcmix.structure.exchange` says what changes places; here every table, weight, prior and piece of
other evidence is asked which components it tells apart. Known labels pin their component.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.evaluate import evaluate
from mcmix.structure.evidence import Evidence, LabelBlock, Structure
from mcmix.structure.exchange import Exchange, _symmetric, exchange_of, outside
from mcmix.structure.expression import Expression
from mcmix.structure.tokens import Places, all_entries


@dataclass(eq=False)
class Classes(Exchange):
    """Exchangeable parts of a label block, and the classes within which they may change places.

    Attributes
    ----------
    keys : list of (str, sequence)
        What tells components apart, in words, and a key for each component: those with equal keys are alike to it.
    n_components : int
    shared_with : list of str
        Other label vectors that look up the same components.
    """

    keys: list[tuple[str, Sequence[Hashable]]] = field(default_factory=list)
    n_components: int = 0
    shared_with: list[str] = field(default_factory=list)

    def told_apart(self, rows: np.ndarray) -> None:
        """Note which components share their row of known numbers."""
        self.note("a known table differs between components", [row.tobytes() for row in np.asarray(rows, dtype=float)])

    def note(self, why: str, keys: Sequence[Hashable]) -> None:
        """Keep what tells components apart, if it does."""
        if len(set(keys)) > 1:
            self.keys.append((why, keys))

    @property
    def members(self) -> list[list[int]]:
        """The classes, each in increasing order, by their first component."""
        found: dict[Hashable, list[int]] = {}
        for k in range(self.n_components):
            found.setdefault(tuple(keys[k] for _, keys in self.keys), []).append(k)
        return list(found.values())

    @property
    def permutable(self) -> bool:
        """Whether any two components are alike."""
        return any(len(members) > 1 for members in self.members)

    @property
    def whole(self) -> bool:
        """Whether all components are alike."""
        return len(self.members) == 1

    @property
    def why(self) -> str:
        """What tells classes apart, in words."""
        return "; ".join(dict.fromkeys(why for why, _ in self.keys))


def classes_of(block: LabelBlock, structure: Structure) -> Classes | str:
    """The classes of a label block's components, or why not even the likelihood can be seen to treat any two alike.

    This is the one answer to the question which components are exchangeable: steps, starts, `explain()`, the verdict,
    relabelling, classes and evidence all ask here. It is found once and kept with the block.
    """
    if block.classes is None:
        block.classes = _classes(block, structure)
    found: Classes | str = block.classes
    return found


def _classes(block: LabelBlock, structure: Structure) -> Classes | str:
    found = Classes(n_components=block.label.n_labels)
    broken = exchange_of(block, structure, found)
    if isinstance(broken, str):
        return broken
    _known_labels(found, block)
    if found.counted and block.log_weights is not None:
        found.note("known weights differ", evaluate(block.log_weights, {}).tolist())
    _complements(found, block, structure)
    places = _places(found, structure)
    for why, about in _grouped(outside(found, block, structure), found, block, structure).items():
        found.note(why, _keys(about, places, found.n_components))
    return found


def _known_labels(found: Classes, block: LabelBlock) -> None:
    """A component that some unit is known to be in has a name of its own."""
    node = block.label.node
    if node.mask is not None:
        known = np.unique(np.asarray(node.known)[~np.asarray(node.mask)]).astype(int) - block.label.lowest
        pinned = set(known.tolist())
        found.note(_known_for_some(node), [k if k in pinned else -1 for k in range(found.n_components)])


def _known_for_some(label: Stochastic) -> str:
    return f"labels of {label.name} are known for some units"


def _complements(found: Classes, block: LabelBlock, structure: Structure) -> None:
    for node in found.complements:
        leaf = structure.recording.leaves[node]
        about = [e for e in outside(found, block, structure) if leaf in e.elements.leaves]
        if any(e.factor.node is not node for e in about) or not _symmetric(node):
            found.note(f"priors tell them apart: {node.name}", range(found.n_components))


def _places(found: Classes, structure: Structure) -> Places:
    places: dict[Expression, dict[int, tuple[int, int]]] = {}
    for table, family in enumerate(found.families):
        for k, (node, element) in enumerate(family):
            places.setdefault(structure.recording.leaves[node], {})[element] = (table, k)
    return places


def _grouped(
    evidence: Sequence[Evidence], found: Classes, block: LabelBlock, structure: Structure
) -> dict[str, list[Evidence]]:
    """Pieces of evidence by what they are called; priors of the variables of one list belong together."""
    groups: dict[str, list[Evidence]] = {}
    others = {b.label.variable: b.label.node.name for b in structure.blocks if b is not block}
    for e in evidence:
        groups.setdefault(_called(e, found, block, others), []).append(e)
    return groups


def _called(e: Evidence, found: Classes, block: LabelBlock, others: Mapping[Expression, str]) -> str:
    node, label = e.factor.node, block.label.node
    if label.mask is not None and node in (label, *[s.factor.node for s in block.factors]):
        return _known_for_some(label)
    shared = sorted(name for variable, name in others.items() if variable in e.factor.elements.leaves)
    if shared:
        found.shared_with += [name for name in shared if name not in found.shared_with]
        return f"{' and '.join(shared)} looks up the same components: only together could they be exchanged"
    for family in found.families:
        names = dict.fromkeys(v.name for v, _ in family)
        if node.name in names:
            return f"priors tell them apart: {', '.join(names)}"
    return f"{node.name} tells them apart"


def _keys(about: Sequence[Evidence], places: Places, n_components: int) -> list[Hashable]:
    """How the evidence is made of each component; a number of its own where it stands apart."""
    own, apart = all_entries([e.elements for e in about], places, n_components)
    return [k if k in apart else frozenset(own[k].items()) for k in range(n_components)]


__all__ = ["Classes", "classes_of"]

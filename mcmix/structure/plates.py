"""Plate recovery: like nodes of a loop are gathered into one vector before structure is looked for.

Nodes are alike where they have one family and one shape, and parameters that differ only in constants and in which
entry of like parents they read. What was written as
``[Normal(f"y{i}", mu[z[i]], 1, value=x[i], observed=True) for i in ...]`` is to the sampler what
``Normal("y", mu[z], 1, value=x, observed=True)`` is: labels get their update, lists of random effects the steps of
vectors. Names, traces and places in a chain's memory stay those of the nodes that were written.

Labels that follow one another are one vector with a distribution of its own (:mod:`mcmix.structure.chain_loops`). Other
unknowns that meet in one factor are put into different plates, as few as a greedy colouring finds: given the other
plates, the entries of each are independent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from mcmix.errors import TraceError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node
from mcmix.nodes.plate import Plate
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.chain_loops import ChainLoop, chain_loops
from mcmix.structure.expression import Expression, leaf
from mcmix.structure.label_vectors import label_candidates
from mcmix.structure.recording import Factor, Recording, distribution_elements, is_log_kept
from mcmix.structure.rewrite import rebuilt, substitute
from mcmix.structure.stacked import NotAlike, Signatures, stacked
from mcmix.structure.walks import ordered

FEWEST = 20  # nodes that are worth a plate
MOST_COLOURS = 4  # plates of unknowns that meet in factors


def gathered(recording: Recording, kept: Collection[Node] = ()) -> Recording:
    """The recording with like nodes gathered; the very same where there are none.

    Parameters
    ----------
    recording : Recording
        Not cut yet.
    kept : collection of Node
        Unknowns that stay as they are, such as those with a step of the user's choice; what kept labels look up does
        so too.
    """
    if recording.is_cut or (len(recording.factors) < FEWEST and not _any_in_rows(recording)):
        return recording
    members = _members(recording, kept)
    chains = chain_loops(recording, members, FEWEST)
    groups, apart = _alike(recording, _without(members, chains)), set[Node]()
    while True:
        found = _Gathering(recording, [g for g in groups if not apart.intersection(g)], chains)
        # A plate that is given up changes what the others meet: gather anew until none is torn.
        torn = found.torn()
        if not torn:
            return found.recording if found.any else recording
        apart |= torn


# -------------------------------------------------------------------- which unknowns are alike


def _without(members: dict[Distribution, Factor], chains: Sequence[ChainLoop]) -> dict[Distribution, Factor]:
    taken = {n for chain in chains for n in chain.members}
    return {n: f for n, f in members.items() if n not in taken}


def _members(recording: Recording, kept: Collection[Node]) -> dict[Distribution, Factor]:
    """Unknowns that may stand in a vector with others, and their factors."""
    owners = {f.node: f for f in reversed(recording.factors) if f.x is not None}
    members = {n: owners[n] for n in recording.leaves if _can_be_member(n, owners.get(n), recording) and n not in kept}
    leaves = {recording.leaves[n]: n for n in members}
    labels = {own for n, own in recording.leaves.items() if n in kept}
    for component in _components(recording, set(leaves), labels):
        del members[leaves.pop(component)]
    return members  # type: ignore[return-value]  # _can_be_member says that they are distributions


def _alike(recording: Recording, members: dict[Distribution, Factor]) -> list[list[Distribution]]:
    """Groups of unknowns that may stand in one vector each, no two of which meet in one factor."""
    leaves = {recording.leaves[n]: n for n in members}
    signatures = Signatures(lambda x: _kind(leaves[x]) if x in leaves else id(x))
    groups = defaultdict[Hashable, list[Distribution]](list)
    for node, factor in members.items():
        groups[_kind(node), *[signatures.of(p) for p in factor.parameters.values()]].append(node)
    large = [g for g in groups.values() if len(g) >= FEWEST]
    return [part for group in large for part in _coloured(group, recording) if len(part) >= FEWEST]


def _can_be_member(node: Stochastic, factor: Factor | None, recording: Recording) -> bool:
    if (
        not isinstance(node, Distribution)
        or node.mask is not None
        or factor is None
        or factor.family is not node.family
    ):
        return False
    own = recording.leaves[node]
    alone = not any(own in p.leaves for p in factor.parameters.values())
    return alone and factor.x is recording.values[node] and len(node.shape) - node.family.event_ndim <= 1


def _kind(node: Stochastic) -> Hashable:
    return id(node.family), node.shape, node.dtype.str


def _components(recording: Recording, leaves: set[Expression], labels: set[Expression]) -> set[Expression]:
    """Leaves that keep their own nodes: several that make up a table for unknown positions, or one for kept labels."""
    found = set[Expression]()
    for part in _parts((f.elements for f in recording.factors), lambda x: x.arguments):
        if part.op == "take" and not part.arguments[1].is_constant and not part.arguments[0].is_constant:
            entries = leaves.intersection(_parts([part.arguments[0]], _what_is_looked_up))
            found |= entries if len(entries) > 1 or part.arguments[1].leaves & labels else set()
    return found


def _what_is_looked_up(x: Expression) -> tuple[Expression, ...]:
    """What the entries of an array are made of, but for where they are looked up."""
    return x.arguments[:1] if x.op == "take" else x.arguments


def _parts(roots: Iterable[Expression], below: Callable[[Expression], tuple[Expression, ...]]) -> Iterator[Expression]:
    seen = set[Expression]()
    for root in roots:
        waiting = [root]
        while waiting:
            part = waiting.pop()
            if part not in seen:
                seen.add(part)
                yield part
                waiting += below(part)


def _coloured(group: list[Distribution], recording: Recording) -> list[list[Distribution]]:
    """The group in few parts (a greedy colouring), so that no two of a part meet in a factor of one element."""
    number = {recording.leaves[n]: i for i, n in enumerate(group)}
    neighbours = defaultdict[int, set[int]](set)
    for factor in recording.factors:
        if factor.elements.size != 1 or len(factor.elements.leaves) > len(group):
            continue
        met = [number[x] for x in factor.elements.leaves if x in number]
        if len(met) > MOST_COLOURS:
            return []
        for i in met:
            neighbours[i].update(met)
    colours: dict[int, int] = {}
    for i in range(len(group)):
        # Entries of one colour meet in no factor, so given the other colours they are independent, and one step may
        # draw all.
        taken = {colours[j] for j in neighbours[i] if j in colours and j != i}
        colours[i] = next(c for c in range(len(taken) + 1) if c not in taken)
    n_colours = max(colours.values()) + 1
    if n_colours > MOST_COLOURS:
        return []
    return [[n for i, n in enumerate(group) if colours[i] == c] for c in range(n_colours)]


# -------------------------------------------------------------------- gathering


class _Gathering:
    """A recording in which groups of unknowns are one leaf each, and factors that are then alike are one."""

    def __init__(self, old: Recording, groups: list[list[Distribution]], chains: Sequence[ChainLoop] = ()):
        self.old, self.chains = old, chains
        groups = [*groups, *(chain.members for chain in chains)]
        self.recording = Recording(opaque=old.opaque, rows=old.rows)
        self.plates = [Plate(g, g[0].canonical_parents) for g in groups]
        self.plate_of: dict[Node, Plate] = {n: p for p in self.plates for n in p.members}
        self._done: dict[Expression, Expression] = {}
        self._leaves()
        self.recording.values |= {n: self._moved(x) for n, x in old.values.items()}
        self._factors()

    @property
    def any(self) -> bool:
        """Whether anything was gathered, or is written in rows now."""
        written = {id(f.elements) for f in self.old.factors}
        return bool(self.plates) or any(id(f.elements) not in written for f in self.recording.factors)

    def torn(self) -> set[Node]:
        """Members of continuous plates whose densities are in several parts: no step of vectors serves these well."""
        distributions = defaultdict[Node, int](int)
        for factor in self.recording.factors:
            distributions[factor.node] += 1
        bad = [p for p in self.plates if distributions[p] != 1 and p.dtype.kind == "f"]
        return {n for p in bad for n in p.members}

    def _leaves(self) -> None:
        for node, own in self.old.leaves.items():
            plate = self.plate_of.get(node)
            if plate is None:
                self.recording.leaves[node] = own
                self._done[own] = own
            elif node is plate.members[0]:
                whole = leaf(plate, plate.shape, own.kind)
                self.recording.leaves[plate] = whole
                self.recording.values[plate] = ex.elementwise("exp", whole) if is_log_kept(plate) else whole
                for i, member in enumerate(plate.members):
                    of = self.old.leaves[member]
                    self._done[of] = ex.gather(whole, np.arange(i * of.size, (i + 1) * of.size).reshape(of.shape))
        self.recording.plates = dict(self.plate_of)

    def _moved(self, x: Expression) -> Expression:
        """An expression of the plates' leaves."""
        for part in ordered(x):
            if part not in self._done:
                arguments = [self._done[a] for a in part.arguments]
                joined = part.op == "concatenate" and any(
                    new is not old for new, old in zip(arguments, part.arguments, strict=True)
                )
                self._done[part] = ex.concatenate(arguments) if joined else rebuilt(part, arguments)
        return self._done[x]

    def _factors(self) -> None:
        signatures = Signatures()
        groups = defaultdict[Hashable, list[Factor]](list)
        chained = self._chained()
        for old in self.old.factors:
            if self.plate_of.get(old.node) in chained:
                continue
            factor = replace(
                old,
                elements=self._moved(old.elements),
                x=None if old.x is None else self._moved(old.x),
                parameters={name: self._moved(p) for name, p in old.parameters.items()},
            )
            groups[self._key(factor, signatures)].append(factor)
        for group in groups.values():
            self.recording.factors += self._joined(group)

    def _chained(self) -> set[Plate]:
        """The plates of chains, whose distributions are put in the place of their members'."""
        found = set[Plate]()
        for chain in self.chains:
            plate = self.plate_of[chain.members[0]]
            for x in (chain.initial, chain.transitions):
                self._moved(x)
            first = replace(self.old.own_factor(chain.members[0]), node=plate)
            self.recording.factors.append(chain.factor(first, self.recording.leaves[plate], self._done))
            found.add(plate)
        return found

    def _key(self, factor: Factor, signatures: Signatures) -> Hashable:
        node = factor.node
        plate = self.plate_of.get(node)
        if not isinstance(node, Distribution) or factor.family is None or factor.x is None or factor.places is not None:
            return id(factor)
        if plate is None and not (node.observed and len(node.shape) - node.family.event_ndim <= 1):
            return id(factor)
        built = [signatures.of(x) for x in (factor.x, *factor.parameters.values())]
        return ("data", node.dtype.str) if plate is None else id(plate), id(factor.family), node.shape, *built

    def _joined(self, group: list[Factor]) -> list[Factor]:
        plate = self.plate_of.get(group[0].node)
        if len(group) < FEWEST and plate is None:
            return [_in_rows(factor, _labels(self.recording)) for factor in group]
        try:
            return [_one(group, plate)]
        except (NotAlike, TraceError):
            if plate is None:
                return [_in_rows(factor, _labels(self.recording)) for factor in group]
            return [_one([factor], plate) for factor in group]


def _one(group: list[Factor], plate: Plate | None) -> Factor:
    """One factor for factors of like nodes, with an element for each of theirs."""
    first = group[0]
    node, family = first.node, first.family
    assert isinstance(node, Distribution) and family is not None and first.x is not None
    front = node.shape[: len(node.shape) - family.event_ndim]
    columns = {name: [f.parameters[name] for f in group] for name in first.parameters}
    x = _rows([f.x for f in group if f.x is not None], front, family.event_ndim)
    parameters = {
        p.name: _rows(columns[p.name], front, p.event_ndim, may_be_shared=True)
        for p in family.parameters
        if p.name in columns
    }
    known = {name: np.asarray(p.known) for name, p in parameters.items() if p.is_constant}
    if plate is None:
        plate = Plate([f.node for f in group if isinstance(f.node, Distribution)], node.canonical_parents)
    if len(group) == len(plate.members):
        plate.parents |= known
    elements = distribution_elements(
        family, x, list(parameters.values()), (len(group) * int(np.prod(front, dtype=int)),)
    )
    return replace(first, node=plate, elements=elements, x=x, parameters=parameters)


def _labels(recording: Recording) -> set[Expression]:
    return {c.variable for c in label_candidates(recording)}


def _any_in_rows(recording: Recording) -> bool:
    """Whether there are data that only need to be written in rows of labels."""
    labels = _labels(recording)
    return any(_on_one_label(f, labels) for f in recording.factors)


def _on_one_label(factor: Factor, labels: set[Expression]) -> list[str]:
    """Parameters that all elements of a data node share, and that look at single entries of label vectors alone."""
    node, family = factor.node, factor.family
    if not isinstance(node, Distribution) or family is None or factor.x is None or not node.holds_data:
        return []
    if factor.places is not None or factor.elements.ndim > 1:
        return []
    axes = {p.name: p.event_ndim for p in family.parameters}
    shared = {name: p for name, p in factor.parameters.items() if p.ndim == axes[name] and p.leaves & labels}
    return list(shared) if all(_sees_single_entries(p, labels) for p in shared.values()) else []


def _sees_single_entries(x: Expression, labels: set[Expression]) -> bool:
    """Whether labels enter as known single entries, and never as a whole."""

    def below(part: Expression) -> tuple[Expression, ...]:
        entry = part.op == "take" and part.arguments[1].is_constant and part.arguments[1].size == 1
        return part.arguments[1:] if entry and part.arguments[0] in labels else part.arguments

    return not labels.intersection(_parts([x], below))


def _in_rows(factor: Factor, labels: set[Expression]) -> Factor:
    """A data node of one label, or with rows of one label, as rows that each look at it: so its labels separate."""
    shared = _on_one_label(factor, labels)
    if not shared:
        return factor
    family, x = factor.family, factor.x
    assert family is not None and x is not None
    rows = factor.elements.shape or (1,)
    parameters = {name: _for_rows(p, rows, labels) if name in shared else p for name, p in factor.parameters.items()}
    x = x if factor.elements.ndim else ex.reshape(x, (1, *x.shape))
    elements = distribution_elements(family, x, list(parameters.values()), rows)
    return replace(factor, elements=elements, x=x, parameters=parameters)


def _for_rows(x: Expression, rows: tuple[int, ...], labels: set[Expression]) -> Expression:
    """What rows share, once for each: from the label on where that is the same, so that rewriting sees each row's."""
    entries = [p for p in ordered(x) if p.op == "take" and p.arguments[0] in labels and not p.shape]
    try:
        found = substitute(x, {p: ex.gather(p.arguments[0], np.full(rows, p.arguments[1].known)) for p in entries})
    except TraceError:  # axes that no longer fit
        found = x
    return found if found.shape == (*rows, *x.shape) else ex.broadcast_to(x, (*rows, *x.shape))


def _rows(parts: list[Expression], front: tuple[int, ...], axes: int, may_be_shared: bool = False) -> Expression:
    """Values of like nodes, one row for each element of theirs; one value that all share as it is."""
    first = parts[0]
    joined, event = stacked(parts), first.shape[first.ndim - axes :]
    if joined is first:
        if may_be_shared and first.ndim == axes and (len(parts) > 1 or not first.leaves):
            return first
        joined = ex.broadcast_to(joined, (len(parts), *first.shape))
    inner = first.shape[: first.ndim - axes]
    if inner != front:
        places = np.arange(joined.size).reshape(len(parts), *[1] * (len(front) - len(inner)), *inner, *event)
        joined = ex.gather(joined, np.broadcast_to(places, (len(parts), *front, *event)).copy())
    return ex.reshape(joined, (len(parts) * int(np.prod(front, dtype=int)), *event))


__all__ = ["FEWEST", "gathered"]

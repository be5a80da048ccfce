"""The component tables of a label vector: what belongs to each component, and which permutations change nothing.

This is the one answer to both questions: steps, starts, `explain()`, the verdict, relabelling, classes and evidence all
ask here. It is found once, from the expressions, and kept with the label block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mcmix.errors import ModelError
from mcmix.nodes.plate import Plate
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.block_tables import read_block
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.expression import Expression
from mcmix.structure.label_move import Move, move_of
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.pairs import pairs_of, tables_of_pairs
from mcmix.structure.shared_labels import SharedLabels, shared_labels
from mcmix.structure.table_reading import Table, Tables
from mcmix.structure.table_uses import other_uses
from mcmix.structure.told_apart import Differences, differences


@dataclass(eq=False)
class ComponentTables:
    """What a label vector's components are.

    Attributes
    ----------
    label : LabelVector
    unseen : str
        Why not even the likelihood can be shown to treat any two components alike; nothing where it can.
    together : SharedLabels or None
        All labels that mean these components, where they are drawn given one another: what permutes with them is then
        read off shapes.
    """

    label: LabelVector
    unseen: str = ""
    together: SharedLabels | None = None
    _read: Tables = field(default_factory=Tables)
    _differences: Differences = field(default_factory=Differences)
    _move: Move | None = None
    _chain_of_nodes: bool = False

    @property
    def capacity(self) -> int:
        """Number of components K that labels may name."""
        return self.label.n_labels

    @property
    def in_use(self) -> int:
        """Number of components that a draw is made of: all K, as long as that number does not vary within a run."""
        return self.capacity

    # ---------------------------------------------------------------- what belongs to whom

    @property
    def tables(self) -> list[Table]:
        """For each number that a component has of its own: the variable and the element that hold each component's.

        Where something could not be shown (`unseen`), as far as they can be read.
        """
        return self._read.tables

    @property
    def complements(self) -> list[Stochastic]:
        """Scalar probabilities of component 0 of two: one minus them is component 1's."""
        return self._read.complements

    @property
    def squares(self) -> list[Stochastic]:
        """Variables of shape (K, K) whose rows and columns change places together; their diagonals are tables."""
        return self._read.squares

    @property
    def families(self) -> list[Table]:
        """What changes places when two components do, one after another: of squares all rows, then all columns."""
        k = self.capacity
        found = [table for table in self.tables if table[0][0] not in self.squares]
        for v in self.squares:
            found += [[(v, i * k + j) for i in range(k)] for j in range(k)]
            found += [[(v, i * k + j) for j in range(k)] for i in range(k)]
        return found

    @property
    def variables(self) -> list[Stochastic]:
        """Every variable that holds something of a component."""
        return self._read.variables

    def entries(self, k: int) -> list[tuple[Stochastic, int]]:
        """The variable and the element of each number that is component k's."""
        return [table[k] for table in self.tables]

    def shape_of(self, variable: Stochastic) -> tuple[int, ...]:
        """What a variable holds for one component: () for a number, (d,) for a vector, (d, d) for a matrix."""
        return self._read.shapes[variable]

    # ---------------------------------------------------------------- which permutations change nothing

    @property
    def classes(self) -> list[list[int]]:
        """Components that likelihood and priors treat alike, class by class; none where that cannot be seen."""
        return [] if self.unseen else self._differences.classes(self.capacity)

    @property
    def permutable(self) -> bool:
        """Whether any two components may change places."""
        return any(len(members) > 1 for members in self.classes)

    @property
    def whole(self) -> bool:
        """Whether all components are alike."""
        return len(self.classes) == 1

    @property
    def told_apart(self) -> str:
        """What tells components apart, or why nothing could be shown; nothing where all are alike."""
        return self.unseen or self._differences.why

    @property
    def reason(self) -> str:
        """Why components are alike or told apart, in words."""
        if self.whole:
            return "label switching expected"
        sets = [f"{{{', '.join(map(str, members))}}}" for members in self.classes if len(members) > 1]
        return self.told_apart + (f"; alike are {' and '.join(sets)}" if sets else "")

    @property
    def shared_with(self) -> list[str]:
        """Other label vectors that look up the same components."""
        return self._differences.shared_with

    def allows(self, permutation: Sequence[int]) -> bool:
        """Whether a permutation leaves the posterior as it is, where component k gets the place of permutation[k].

        Raises
        ------
        ModelError
            If it is no permutation of all components.
        """
        order = [int(k) for k in permutation]
        if sorted(order) != list(range(self.capacity)):
            raise ModelError(f"expected a permutation of the components 0 to {self.capacity - 1}, got {order}")
        place = {k: i for i, members in enumerate(self.classes) for k in members}
        return all(k == j or (k in place and place[k] == place[j]) for k, j in enumerate(order))

    # ---------------------------------------------------------------- the label permutation move

    @property
    def likelihood_allows_all(self) -> bool:
        """Whether every permutation leaves the likelihood as it is, whatever priors and known labels say."""
        return not self.unseen and not self._read.known

    @property
    def swaps(self) -> bool:
        """Whether the label permutation move may swap any two components, accepted by the ratio of :attr:`target`.

        Components that are alike keep the names that a chain began with, and reports give them one name; of a hidden
        chain that was written node by node they cannot, so that names are drawn along with the states.
        """
        possible = self._move is not None and self._move.complete and self.likelihood_allows_all
        return possible and (self._chain_of_nodes or not self.whole)

    @property
    def target(self) -> Expression:
        """Log density of everything that a swap may change."""
        assert self._move is not None
        return self._move.target

    @property
    def counts_move(self) -> bool:
        """Whether numbers of units change places too, because labels have known weights that differ."""
        return self._read.counted

    @property
    def names_may_stick(self) -> bool:
        """Whether a chain may keep for ever the names that it starts with, right or wrong.

        So it is where no swap is known, or more than priors speaks against one (an ordering, other data).
        """
        return self._move is None or self._move.beyond_priors or not self.likelihood_allows_all


def component_tables(block: LabelBlock, structure: Structure) -> ComponentTables:
    """The component tables of a label block, found at the first request."""
    if block.tables is None:
        block.tables = _of_chain(block, structure) if block.given_others else _of_block(block, structure)
    found: ComponentTables = block.tables
    return found


def tables_without_block(label: LabelVector, structure: Structure) -> ComponentTables:
    """Of a label vector that no label update draws: something is seen of its components where units come in pairs."""
    pairs = pairs_of(label, structure)
    found = f"its rows do not separate: {structure.non_factorising[label]}"
    seen = found if pairs is None else tables_of_pairs(pairs, structure)
    if isinstance(seen, str):
        return ComponentTables(label, seen)
    return ComponentTables(label, _read=seen[0], _differences=seen[1])


def _of_block(block: LabelBlock, structure: Structure) -> ComponentTables:
    read, unseen = read_block(block, structure)
    unseen = unseen or other_uses(read, block, structure)
    unseen = unseen or ("a variable is held where it is" if structure.held.intersection(read.variables) else "")
    if unseen:
        return ComponentTables(block.label, unseen, _read=read)
    found, move = differences(read, block, structure), move_of(read, block, structure)
    nodes = block.distribution.ahead is not None and isinstance(block.label.node, Plate)
    return ComponentTables(block.label, _read=read, _differences=found, _move=move, _chain_of_nodes=nodes)


def _of_chain(block: LabelBlock, structure: Structure) -> ComponentTables:
    """Of labels that are drawn given one another: only together could their components change places."""
    together = shared_labels(block, structure)
    shared = Differences(shared_with=[v.name for v in together.vectors if v is not block.label.node])
    unseen = "labels depend on one another" if block.label.n_labels > 1 else "there is one component"
    return ComponentTables(block.label, unseen, together, together.by_shape(block.label.n_labels), shared)


__all__ = ["ComponentTables", "component_tables", "tables_without_block"]

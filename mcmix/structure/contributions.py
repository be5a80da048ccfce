"""What each factor says about a variable: its log density as a function of the variable, and conjugate messages.

Where labels or known groups put rows into cells, the evidence is over cells, with counts and sums that the hard pass
keeps; a conditional then costs the same however many rows there are. Else it is over the rows themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Family, Sums
from mcmix.errors import TraceError
from mcmix.nodes.node import Node
from mcmix.nodes.plate import Plate
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.cells import without_labels
from mcmix.structure.expression import Expression, as_expression, constant, elementwise, leaf
from mcmix.structure.label_distributions import LabelDistribution, independent
from mcmix.structure.label_vectors import LabelVector, SeparableFactor, label_candidates
from mcmix.structure.labels import DifferentUnits, separate
from mcmix.structure.missing import cut
from mcmix.structure.recognised_labels import recognised
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.rewrite import NotSeparable
from mcmix.structure.sources import derived
from mcmix.structure.tempering import POWER, is_tempered, scaled

MOST_PRODUCTS = 1_000_000  # products of coordinates of unknown rows that are made at a step


@dataclass(frozen=True, eq=False)
class Contribution:
    """One factor, ready to be asked about a variable.

    Attributes
    ----------
    factor : Factor
    elements : Expression
        Log density per cell or row, up to a constant that depends on the data alone.
    sums : Sums or None
        Statistics, broadcastable with `elements`; None where the family has no finite ones.
    parameters : mapping of str to Expression
    over : {"cells", "labels", "rows", "whole"}
        What an element stands for: cells of rows, the possible values of a label, rows, or everything at once.
    plain : Expression or None
        The elements at power one, where `elements` and `sums` count the power of a tempered chain.
    whole : Contribution or None
        What the factor's own variable sees, where others see the prior of occupied components alone.
    """

    factor: Factor
    elements: Expression
    sums: Sums | None
    parameters: Mapping[str, Expression]
    over: str
    plain: Expression | None = None
    whole: Contribution | None = None

    @property
    def tempered(self) -> bool:
        """Whether it counts the power of a tempered chain."""
        return self.plain is not None

    @property
    def differs_by_cell(self) -> bool:
        """Whether what sums leave out depends on a row's cell: trials that differ between components, or rows."""
        family = self.factor.family
        if self.over != "cells" or family is None or family.statistics is None:
            return False
        return any(np.unique(self.parameters[name].known).size > 1 for name in family.statistics.known)

    @property
    def exact(self) -> Expression:
        """The log density at power one, up to a constant of the data that no label changes."""
        if self.differs_by_cell:
            return self.factor.elements
        return self.elements if self.plain is None else self.plain

    def touches(self, variable: Expression) -> bool:
        """Whether it depends on a leaf."""
        return variable in self.elements.leaves


@dataclass(eq=False)
class LabelBlock:
    """A label vector that is drawn by the hard pass, with every factor that depends on it.

    Attributes
    ----------
    label : LabelVector
    distribution : LabelDistribution
        Of the labels given everything else; a prior that goes by row is one of `factors`.
    factors : list of SeparableFactor
    counts : Expression, shape (K,)
        Leaf that the hard pass fills with the number of units per label.
    tempered : list of SeparableFactor
        Those of `factors` that count the power of a tempered chain.
    n_seeds : int
        Components that a start gives rows to.
    number : Node or None
        How many components there are, where that is unknown.
    beyond : int
        Labels at the end that no unit may have: they stand for all components for which there is no room.
    tables : Any
        What :func:`mcmix.structure.component_tables.component_tables` found, once it was asked.
    """

    label: LabelVector
    distribution: LabelDistribution
    factors: list[SeparableFactor]
    counts: Expression
    tempered: list[SeparableFactor] = field(default_factory=list)
    n_seeds: int = 0
    number: Any = None
    beyond: int = 0
    tables: Any = None

    def __post_init__(self) -> None:
        self.n_seeds = self.n_seeds or self.label.n_labels

    @property
    def log_weights(self) -> Expression | None:
        """Log prior mass of each value, shape (K,), where it is the same for all units."""
        return self.distribution.log_weights

    @property
    def given_others(self) -> bool:
        """Whether its rows are weighed given other labels that mean the same components."""
        return any(s.given_others for s in self.factors)


@dataclass
class Structure:
    """What the model means: label blocks, why other label vectors are none, and the evidence of every factor.

    Attributes
    ----------
    recording : Recording
    blocks : list of LabelBlock
    non_factorising : dict of LabelVector to str
        Label vectors that some factor is not separable in, and why.
    contributions : list of Contribution
    forward_sampled : list of Contribution
        Of variables that no data depend on: drawn forward at the end of a sweep, and no evidence about anything else.
    apart : set of Node
        Variables that get a step of the user's choice, and so are no part of a joint draw.
    held : set of Node
        Variables that stay where they are: nothing may move them along.
    numbers : list of Any
        Unknown numbers of components: :class:`mcmix.structure.unknown_number.UnknownNumber`.
    open_sticks : list of Any
        Weights of components without end: :class:`mcmix.structure.open_sticks.OpenSticks`.
    coefficients : Any
        What :func:`mcmix.structure.coefficients.coefficients_of` found, once it was asked.
    gates : dict of Node to Any, or None
        What :func:`mcmix.structure.gates.gate_of` found, by label vector.
    weights_by_row : dict of Node to Any, or None
        What :func:`mcmix.structure.weights_by_row.tables_of_weights_by_row` found, by label vector.
    conjugates : dict of Node to Any
        What :func:`mcmix.structure.conjugacy.conjugate` found of those that were asked for.
    by_label : dict of Factor to Any
        What :func:`mcmix.structure.by_component.rows_by_label` found of those that were asked for.
    """

    recording: Recording
    blocks: list[LabelBlock] = field(default_factory=list)
    non_factorising: dict[LabelVector, str] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)
    forward_sampled: list[Contribution] = field(default_factory=list)
    apart: set[Node] = field(default_factory=set)
    held: set[Node] = field(default_factory=set)
    numbers: list[Any] = field(default_factory=list)
    open_sticks: list[Any] = field(default_factory=list)
    coefficients: Any = None
    gates: dict[Node, Any] | None = None
    weights_by_row: dict[Node, Any] | None = None
    conjugates: dict[Node, Any] = field(default_factory=dict)
    by_label: dict[Factor, Any] = field(default_factory=dict)
    _index: Any = None

    def about(self, node: Node) -> list[Contribution]:
        """Evidence that depends on a variable, its own distribution included."""
        variable = self.recording.leaves[node]  # type: ignore[index]
        by_leaf, by_forward = self._found()
        own = [e for e in by_forward.get(node, []) if e.touches(variable)]
        found = own or by_leaf.get(variable, [])
        return [e if e.whole is None or e.factor.node is not node else e.whole for e in found]

    def is_forward_sampled(self, node: Node) -> bool:
        """Whether no data depend on what is sampled of a node."""
        return node in self._found()[1]

    def _found(self) -> tuple[dict[Expression, list[Contribution]], dict[Node, list[Contribution]]]:
        """Contributions by leaf, and forward-sampled ones by node: each is asked for many times."""
        lists, sizes = (self.contributions, self.forward_sampled), (len(self.contributions), len(self.forward_sampled))
        if self._index is None or self._index[1] != sizes or any(a is not b for a, b in zip(self._index[0], lists)):  # noqa: B905
            by_leaf: dict[Expression, list[Contribution]] = {}
            by_forward: dict[Node, list[Contribution]] = {}
            for e in self.contributions:
                for variable in e.elements.leaves:
                    by_leaf.setdefault(variable, []).append(e)
            for e in self.forward_sampled:
                by_forward.setdefault(e.factor.node, []).append(e)
            self._index = lists, sizes, by_leaf, by_forward
        return self._index[2:]

    def block_of(self, node: Node) -> LabelBlock | None:
        """The label block of a node, if it is one."""
        return next((b for b in self.blocks if b.label.node is node), None)


def structure_of(
    recording: Recording, apart: Collection[Node] = (), draw_from_prior: bool = True, tempered: bool = False
) -> Structure:
    """Find label blocks and prepare every factor; those in `apart` get a step of the user's choice.

    With `tempered`, the distributions of data count a power that is read from a chain's memory.
    """
    cut(recording)
    structure = Structure(recording, apart=set(apart))
    idle = forward_factors(recording, apart) if draw_from_prior else []
    resting = set(idle)
    active = [f for f in recording.factors if f not in resting]
    candidates = [c for c in label_candidates(recording) if recording.own_factor(c.node) not in resting]
    structure.non_factorising |= {c: "another step was asked for" for c in candidates if c.node in apart}
    own = {c: recording.own_factor(c.node) for c in candidates}
    known = {c: found for c in candidates if (found := recognised(own[c], c)) is not None}
    separable = _separated([f for f in active if f not in {own[c] for c in known}], candidates, structure)
    for label in candidates:
        if label not in structure.non_factorising:
            structure.blocks.append(_block(label, own[label], known.get(label), separable))
    whole = {f: parts[0] for f, parts in separable.items() if not parts[0].given_others}
    structure.contributions = [_evidence(f, whole.get(f), structure) for f in active]
    structure.forward_sampled = [Contribution(f, f.elements, None, f.parameters, "rows") for f in idle]
    if tempered:
        _temper(structure)
    return structure


def _block(
    label: LabelVector,
    own: Factor,
    known: LabelDistribution | None,
    separable: dict[Factor, list[SeparableFactor]],
) -> LabelBlock:
    """A label vector with its distribution and every factor that is weighed by row."""
    prior = next((s for s in separable.get(own, ()) if label in s.labels), None)
    distribution = known or independent(label, prior)
    factors = [
        s
        for f, parts in separable.items()
        for s in parts
        if label in s.labels and (f is not own or distribution.by_row)
    ]
    return LabelBlock(label, distribution, factors, leaf(("units", label.node), (label.n_labels,)))


def stuck_labels(structure: Structure) -> list[Stochastic]:
    """Labels known for some units whose rows do not separate, and may do so once all are recorded as unknown."""
    nodes = [c.node for c in structure.non_factorising if c.node not in structure.apart]
    return [n for n in nodes if n.mask is not None]


def _temper(structure: Structure) -> None:
    """Let the distributions of data count a power, in every evidence and in the label passes."""
    chosen = [f for f in structure.recording.factors if is_tempered(f, structure.recording)]
    structure.contributions = [
        replace(e, elements=e.elements * POWER, sums=scaled(e.sums), plain=e.elements) if e.factor in chosen else e
        for e in structure.contributions
    ]
    for block in structure.blocks:
        block.tempered = [s for s in block.factors if s.factor in chosen]


def forward_factors(recording: Recording, apart: Collection[Node] = ()) -> list[Factor]:
    """Distributions of variables that no data depend on, children first.

    Such a variable carries no evidence: the rest is sampled as if it were not there, and it is drawn from its
    distribution given the rest at the end of every sweep. That is exact (its density integrates to one), and the rest
    mixes better.
    """
    found: list[Factor] = []
    touching = Counter(leaf for f in recording.factors for leaf in f.elements.leaves)
    place = {f: i for i, f in enumerate(recording.factors)}
    distributions = {
        leaf: f for f in recording.factors if (leaf := _could_be_drawn_forward(f, recording, apart)) is not None
    }
    more = [f for leaf, f in distributions.items() if touching[leaf] == f.touches(leaf)]
    while more:
        found += more
        below = [leaf for f in more for leaf in f.elements.leaves]
        touching.subtract(below)
        resting = set(more)
        free = {f for v in below if (f := distributions.get(v)) is not None and touching[v] == f.touches(v)} - resting
        more = sorted(free, key=place.__getitem__)
    return found


def _could_be_drawn_forward(factor: Factor, recording: Recording, apart: Collection[Node]) -> Expression | None:
    """The leaf of which a factor is the distribution that could be drawn from, if nothing else depended on it."""
    node = factor.node
    if not isinstance(node, Stochastic) or node.observed or node in apart or not node.can_draw:
        return None
    leaf = recording.leaves[node]
    if factor.x is None or leaf not in factor.x.leaves or any(leaf in p.leaves for p in factor.parameters.values()):
        return None
    if node.mask is not None and factor.x is not leaf:  # parts of vectors have a step of their own
        return None
    return leaf


def _separated(
    factors: list[Factor], candidates: list[LabelVector], structure: Structure
) -> dict[Factor, list[SeparableFactor]]:
    """Separate every factor that touches labels; drop label vectors that cannot be separated, and start again."""
    while True:
        labels = {c.variable: c for c in candidates if c not in structure.non_factorising}
        place = {v: i for i, v in enumerate(labels)}
        found: dict[Factor, list[SeparableFactor]] = {}
        trouble = False
        for factor in factors:
            touched = [labels[v] for v in sorted(factor.elements.leaves & labels.keys(), key=place.__getitem__)]
            if not touched:
                continue
            try:
                found[factor] = _parts_of(factor, labels, _gaps_of(factor, factors, structure.recording))
            except NotSeparable as reason:
                trouble = True
                for label in touched:
                    structure.non_factorising[label] = f"{factor.node.name}: {reason}"
        if not trouble:
            return found


def _parts_of(factor: Factor, labels: dict[Expression, LabelVector], gaps: Expression | None) -> list[SeparableFactor]:
    """The factor as rows of labels; of plates that belong to different units, as rows of each given the others."""
    try:
        return [separate(factor, labels, gaps)]
    except DifferentUnits:
        touched = {v: c for v, c in labels.items() if factor.touches(v)}
        if gaps is not None or not all(isinstance(c.node, Plate) for c in touched.values()):
            raise
        return [separate(factor, {v: c}, given_others=True) for v, c in touched.items()]


def _gaps_of(factor: Factor, factors: list[Factor], recording: Recording) -> Expression | None:
    """The leaf of a factor's missing coordinates, where nothing else depends on them."""
    node = factor.node
    if not isinstance(node, Stochastic) or node.mask is None or not factor.family or factor.family.vectors is None:
        return None
    leaf = recording.leaves[node]
    others = factor.x is None or leaf not in factor.x.leaves
    others = others or any(f is not factor and f.touches(leaf) for f in factors)
    return None if others or any(leaf in p.leaves for p in factor.parameters.values()) else leaf


def _evidence(factor: Factor, separable: SeparableFactor | None, structure: Structure) -> Contribution:
    block = structure.block_of(factor.node)
    own = factor.x is not None  # what is known of labels is a factor of theirs too, without a value
    if own and block is not None and factor.touches(block.label.variable):
        said = block.distribution.said(factor, block.counts)
        if said is not None:
            return Contribution(factor, *said, factor.parameters, "labels")
    cells = separable.cells if separable is not None else without_labels(factor)
    if cells is not None and (separable is not None or cells.size < factor.elements.size):
        assert factor.family is not None and factor.family.statistics is not None
        likelihood = factor.family.statistics.log_likelihood(cells.sums, cells.parameters)
        likelihood = _where_allowed(factor.family, cells.parameters, likelihood)
        elements = elementwise("where", elementwise("greater", cells.sums.n, 0), likelihood, 0.0)
        return Contribution(factor, elements, cells.sums, cells.parameters, "cells")
    over = "rows" if factor.elements.ndim else "whole"
    return Contribution(factor, factor.elements, _row_sums(factor), factor.parameters, over)


def _where_allowed(family: Family, parameters: Mapping[str, Expression], likelihood: Expression) -> Expression:
    """Minus infinity where a parameter that is not known breaks its constraint: sums alone may not show it."""
    for p in family.parameters:
        value = parameters[p.name]
        if value.is_constant or p.constraint not in _ALLOWED:
            continue
        for comparison, end in _ALLOWED[p.constraint]:
            likelihood = elementwise("where", elementwise(comparison, value, end), likelihood, -np.inf)
    return likelihood


_ALLOWED = {
    "positive": [("greater", 0.0)],
    "nonnegative": [("greater_equal", 0.0)],
    "probability": [("greater_equal", 0.0), ("less_equal", 1.0)],
}


def _row_sums(factor: Factor) -> Sums | None:
    """Each row as its own little sample, about itself: squares about zero would lose a small spread far from there."""
    family = factor.family
    if family is None or family.statistics is None or factor.x is None:
        return None
    x = factor.x
    if family.vectors is not None:
        return _vector_sums(x)
    try:
        columns = [_row_column(spec, x) for spec in family.statistics.columns]
    except TraceError:
        return None
    nothing = tuple(constant(np.zeros(c.shape)) for c in columns)
    squares = tuple(z if spec.square else None for z, spec in zip(nothing, family.statistics.columns, strict=True))
    return Sums(constant(1.0), nothing, squares, tuple(columns), alone=True)


def _row_column(spec: Column, x: Expression) -> Expression:
    """A statistic's column of rows, known or not."""
    if not x.is_constant:
        return as_expression(spec.transform(x))  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        known = _finite(spec.transform(np.asarray(x.value)))
    return derived(("statistic of each row", id(spec)), lambda other: _row_column(spec, other), known, [x])


def _finite(column: Any) -> Any:
    """A statistic's column with nothing where it has no number (the log of a row at 0).

    Such a row is an observation of the distribution only where its infinite part does not count, so a message that is
    asked of it may leave that part out; elsewhere its log density, which is evaluated row by row, is minus infinity.
    """
    if not isinstance(column, np.ndarray) or (finite := np.isfinite(column)).all():
        return column  # as it stands: rows are read from there
    return np.where(finite, column, 0.0)


def _vector_sums(x: Expression) -> Sums | None:
    """Each vector as its own little sample, about itself; not where the products of many would be made anew."""
    d = x.shape[-1]
    if x.size * d > MOST_PRODUCTS:
        return None
    rows = x if x.ndim == 2 else ex.reshape(x, (-1, d))
    nothing, products = constant(np.zeros(rows.shape)), constant(np.zeros((*rows.shape, d)))
    return Sums(constant(np.ones(rows.shape[0])), (nothing,), (products,), (as_expression(rows),), alone=True)


__all__ = ["Contribution", "LabelBlock", "Structure", "structure_of"]

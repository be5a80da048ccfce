"""What a label block looks up by the label: tables of its factors and of its weights, as far as they can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.cells import looked_up
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression, elementwise, reshape
from mcmix.structure.gates import gate_of
from mcmix.structure.indexing import spans
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.labels import parameter_tables
from mcmix.structure.rewrite import NotSeparable, follow_rows
from mcmix.structure.table_reading import Tables, Unreadable, read_square, read_table, unshaped
from mcmix.structure.weights_by_row import tables_of_weights_by_row


def read_block(block: LabelBlock, structure: Structure) -> tuple[Tables, str]:
    """Every table of a block that can be read, and the first reason why labels do more than look them up."""
    found, n_labels = Tables(), block.label.n_labels
    trouble = _refusals(block, structure)
    for node, tables in tables_of_weights_by_row(block, structure).items():
        for places in tables:
            found.add(places, () if len(node.shape) < 2 else (len(tables),))
    if block.log_weights is not None:
        trouble += _tried(partial(_read_weights, block.log_weights, n_labels, structure, found))
    for table in block.distribution.tables:
        trouble += _tried(partial(read_table, table, n_labels, structure, found))
    for square in block.distribution.squares:
        trouble += _tried(partial(read_square, square, n_labels, structure, found))
    for s in looking_up(block, structure):
        looks = look_ups(s, block)
        trouble += [looks.refusal] if looks.refusal else []
        for table in looks.tables:
            trouble += _tried(partial(read_table, table, n_labels, structure, found))
    if found.counted and _made_of_components(block, found, structure):
        trouble.append("weights are functions of what components have")
    return found, next(iter(trouble), "")


def _made_of_components(block: LabelBlock, found: Tables, structure: Structure) -> bool:
    """Whether weights that are to stay where they are would change with the components."""
    leaves = {structure.recording.leaves[v] for v in found.variables}
    return block.log_weights is not None and bool(block.log_weights.leaves & leaves)


def _refusals(block: LabelBlock, structure: Structure) -> list[str]:
    """What rules out that components are alike whatever the tables are."""
    found = ["there is one component"] if block.label.n_labels < 2 else []
    found += ["labels depend on one another"] if block.given_others else []
    if tables_of_weights_by_row(block, structure):
        return found
    if gate_of(block, structure) is not None:
        return [*found, "weights by row have a class of reference"]
    return found + [why for why in (block.distribution.why_not_exchanged,) if why is not None]


def _tried(read: Callable[[], None]) -> list[str]:
    try:
        read()
    except (Unreadable, NotSeparable) as why:
        return [str(why)]
    return []


def unknown_parts(block: LabelBlock) -> list[SeparableFactor]:
    """Factors of a block but for what says which labels are known: that pins components, and is asked for apart."""
    return [s for s in block.factors if s.factor.node is not block.label.node or s.factor.x is not None]


def looking_up(block: LabelBlock, structure: Structure) -> list[SeparableFactor]:
    """Those that look up tables by the label: without weights by row whose predictors change places with components."""
    own = structure.recording.own_factor(block.label.node)
    apart = bool(tables_of_weights_by_row(block, structure))
    return [s for s in unknown_parts(block) if not (apart and s.factor is own)]


@dataclass
class LookUps:
    """What one factor looks up by the label.

    Attributes
    ----------
    tables : list of Expression
    beside : list of Expression
        What its rows are made of besides.
    refusal : str
        Why it depends on the label in another way, where it does.
    """

    tables: list[Expression] = field(default_factory=list)
    beside: list[Expression] = field(default_factory=list)
    refusal: str = ""


def look_ups(s: SeparableFactor, block: LabelBlock) -> LookUps:
    """What a factor of a block looks up by the label."""
    tables = parameter_tables(s, block.label)
    if tables is None:
        return _looked_up_in_rows(s, block.label)
    if s.rows.op == "events":  # a parameter that all share stands beside the tables
        own = [p.event_ndim for p in s.rows.extra.parameters]
        pairs = list(zip(tables, own, strict=True))
        return LookUps([t for t, axes in pairs if t.ndim != axes], [t for t, axes in pairs if t.ndim == axes])
    return LookUps(tables)


def _looked_up_in_rows(s: SeparableFactor, label: LabelVector) -> LookUps:
    found = LookUps()
    positions = {label.variable, *looked_up(s.rows, label.variable)}

    def on_part(part: Expression) -> bool:
        if part.op == "take" and label.lowest == 0 and (table := _table_taken(part, positions, label)) is not None:
            found.tables.append(table)
            return False
        if part in positions:
            found.refusal = found.refusal or f"{s.factor.node.name} uses the label as a number"
            return False
        if label.variable not in part.leaves:
            found.beside.append(part)
            return False
        found.beside.extend(a for a in part.arguments if a.shape != s.rows.shape)
        return True

    try:
        follow_rows(s.rows, s.rows.shape[0], on_part)
    except NotSeparable as why:
        found.refusal = found.refusal or str(why)
    return found


def _table_taken(part: Expression, positions: set[Expression], label: LabelVector) -> Expression | None:
    """The table of a look-up at a label's place, whole entries or entries of the row that the label names."""
    table, index = part.arguments
    if index in positions:
        return table
    if not _is_entry_of_row(part, positions, label.n_labels):
        return None
    return table if table.ndim > 1 else reshape(table, (label.n_labels, -1))


def _is_entry_of_row(part: Expression, positions: set[Expression], n_labels: int) -> bool:
    """Whether a look-up takes entries of the row that a label names: label * width + entry, known or another label."""
    table, index = part.arguments
    width = table.size // n_labels
    if (
        (table.ndim > 1 and table.shape[0] != n_labels)
        or width * n_labels != table.size
        or index.op not in ("add", "multiply")
    ):
        return False
    parts = index.arguments if index.op == "add" else (index,)
    rows = [p for p in parts if p.op == "multiply" and any(a in positions for a in p.arguments)]
    entries = [p for p in parts if all(p is not row for row in rows)]
    if len(rows) != 1 or any(p.leaves & {v for x in positions for v in x.leaves} for p in entries):
        return False
    times = [a for a in rows[0].arguments if a.is_constant and np.all(a.known == width)]
    return len(times) == 1 and all(spans(p, width) for p in entries)


def _read_weights(weights: Expression, n_labels: int, structure: Structure, found: Tables) -> None:
    complement = complement_of(weights, structure)
    if not weights.leaves:
        found.counted = np.unique(evaluate(weights, {})).size > 1
    elif complement is not None:
        found.complements.append(complement)
    else:
        own = Tables()
        try:
            read_table(weights, n_labels, structure, own)
            found.merge(own)
        except Unreadable:
            found.counted = True


def complement_of(weights: Expression, structure: Structure) -> Stochastic | None:
    """p, where the weights are exactly log [p, 1 - p], or those of a Bernoulli distribution."""
    nodes = {leaf: node for node, leaf in structure.recording.leaves.items()}
    if weights.op == "density" and weights.extra.name == "Bernoulli":
        probability = unshaped(weights.arguments[1])
        found = [
            n
            for leaf, n in nodes.items()
            if leaf.size == 1 and (probability is leaf or probability is _complement(leaf))
        ]
        return found[0] if found else None
    if weights.op != "log" or weights.arguments[0].op != "concatenate" or weights.size != 2:
        return None
    first, second = (unshaped(a) for a in weights.arguments[0].arguments)
    for leaf, node in nodes.items():
        pair = {id(first), id(second)}
        if leaf.size == 1 and pair == {id(leaf), id(_complement(leaf))}:
            return node
    return None


def _complement(leaf: Expression) -> Expression:
    return unshaped(elementwise("subtract", 1, leaf))


__all__ = ["LookUps", "complement_of", "look_ups", "looking_up", "read_block", "unknown_parts"]

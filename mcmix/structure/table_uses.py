"""Whether the variables of a block's tables enter its likelihood by label alone: nowhere as a whole, nor twice."""

from __future__ import annotations

from mcmix.structure.block_tables import complement_of, look_ups, looking_up
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression
from mcmix.structure.table_reading import Tables, Unreadable, read_table


def other_uses(found: Tables, block: LabelBlock, structure: Structure) -> str:
    """In what other way they enter, in words; nothing where they do not, or are the same for all permutations."""
    slots = [slot for table in found.tables for slot in table]
    if len(set(slots)) != len(slots):
        return "one variable stands in two tables"
    if not _all_invariant(_beside_labels(block, structure), found, block, structure):
        return "a variable enters both by label and as a whole"
    if not _all_invariant(_beside_weights(block, structure), found, block, structure):
        return "a variable enters the weights both by label and as a whole"
    return ""


def _beside_labels(block: LabelBlock, structure: Structure) -> list[Expression]:
    """Parts of the likelihood that all components share."""
    looks = [look_ups(s, block) for s in looking_up(block, structure)]
    tables = [part for found in looks for table in found.tables for part in _scalars(table, block.label.n_labels)]
    return tables + [part for found in looks for part in found.beside]


def _beside_weights(block: LabelBlock, structure: Structure) -> list[Expression]:
    weights = block.log_weights
    if weights is None or complement_of(weights, structure) is not None:
        return []
    return _scalars(weights, block.label.n_labels)


def _all_invariant(parts: list[Expression], found: Tables, block: LabelBlock, structure: Structure) -> bool:
    leaves = {structure.recording.leaves[v] for v in found.variables}
    return all(_invariant(part, leaves, block.label.n_labels, structure) for part in parts)


def _invariant(x: Expression, leaves: set[Expression], n_labels: int, structure: Structure) -> bool:
    """Whether a part that all labels share stays as it is when the variables' entries change places."""
    seen, waiting = {x}, [x]
    while waiting:
        part = waiting.pop()
        if not part.leaves & leaves:
            continue
        if part.op in REDUCTIONS and part.arguments[0].shape == (n_labels,):
            if not _permutes_along(part.arguments[0], n_labels, structure):
                return False
            below = _scalars(part.arguments[0], n_labels)
        elif part.op in (*ELEMENTWISE, "reshape"):
            below = list(part.arguments)
        else:
            return False
        waiting += [a for a in below if a not in seen]
        seen.update(below)
    return True


def _permutes_along(x: Expression, n_labels: int, structure: Structure) -> bool:
    """Whether a table is permuted when its variables' entries are, with no known numbers that stay."""
    found = Tables()
    try:
        read_table(x, n_labels, structure, found)
    except Unreadable:
        return False
    return not found.known


def _scalars(x: Expression, n_labels: int) -> list[Expression]:
    """Parts of a table that are the same for all labels."""
    found: dict[Expression, None] = {}
    seen, waiting = {x}, [x]
    while waiting:
        part = waiting.pop()
        if part.ndim > 1 and part.shape[0] == n_labels:
            continue
        if part.shape != (n_labels,):
            found[part] = None
        elif part.op in ELEMENTWISE:
            waiting += [a for a in reversed(part.arguments) if a not in seen]
            seen.update(part.arguments)
    return list(found)


__all__ = ["other_uses"]

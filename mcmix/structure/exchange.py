"""Which permutations of a label's values leave the likelihood as it is, shown from the expressions.

Components may be exchanged when every table that is looked up by the label permutes along: vectors with one entry per
label, lists of one scalar variable per label, weights of a simplex or of the form [p, 1 - p]. Constants that differ
between labels, known labels, weights per row and numeric use of a label break it; known weights that differ weigh in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.cells import looked_up
from mcmix.structure.evaluate import evaluate
from mcmix.structure.evidence import Evidence, LabelBlock, Structure
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression, elementwise, reduce, reshape
from mcmix.structure.indexing import spans
from mcmix.structure.label_vectors import SeparableFactor
from mcmix.structure.labels import parameter_tables
from mcmix.structure.rewrite import NotSeparable, follow_rows, substitute


@dataclass(eq=False)
class Exchange:
    """The exchangeable parts of a label block.

    Attributes
    ----------
    families : list of list of (Stochastic, int)
        For each table, the variable and element that holds each label's entry.
    complements : list of Stochastic
        Scalar probabilities of label 0 of two.
    counted : bool
        Whether labels have known weights that differ: numbers of units then change places with the components, and what
        the weights say of these numbers is part of the ratio.
    """

    families: list[list[tuple[Stochastic, int]]] = field(default_factory=list)
    complements: list[Stochastic] = field(default_factory=list)
    counted: bool = False

    @property
    def variables(self) -> list[Stochastic]:
        """Every variable that an exchange changes."""
        return list(dict.fromkeys([v for family in self.families for v, _ in family] + self.complements))

    def told_apart(self, rows: np.ndarray) -> None:
        """Known numbers differ between labels, one row for each: not all of them can be exchanged."""
        raise _Broken("a known table differs between labels")


class _Broken(Exception):
    """Why components cannot be exchanged."""


def exchange_of(block: LabelBlock, structure: Structure, into: Exchange | None = None) -> Exchange | str:
    """What an exchange of two components changes, or why there is none; noted in `into` where that is given."""
    found = Exchange() if into is None else into
    try:
        if block.label.n_labels < 2:
            raise _Broken("there is one component")
        if block.given_others:
            raise _Broken("labels depend on one another")
        if block.distribution.why_not_exchanged is not None:
            raise _Broken(block.distribution.why_not_exchanged)
        _weights(block, structure, found)
        for s in unknown_parts(block):
            for table in _tables_of(s, block)[0]:
                _table(table, block.label.n_labels, structure, found)
        _closed(found, block, structure)
        if structure.held.intersection(found.variables):
            raise _Broken("a variable is held where it is")
    except (_Broken, NotSeparable) as reason:
        return str(reason)
    return found


def unknown_parts(block: LabelBlock) -> list[SeparableFactor]:
    """Factors of a block but for what says which labels are known: that pins components, and is asked for apart."""
    return [s for s in block.factors if s.factor.node is not block.label.node or s.factor.x is not None]


def _tables_of(s: SeparableFactor, block: LabelBlock) -> tuple[list[Expression], list[Expression]]:
    """Every table that a factor looks up by the label, and what its rows are made of besides.

    The factor must depend on the label in no other way.
    """
    label = block.label
    tables = parameter_tables(s, label)
    if tables is not None and s.rows.op == "events":  # a parameter that all share stands beside the tables
        own = [p.event_ndim for p in s.rows.extra.parameters]
        pairs = list(zip(tables, own, strict=True))
        return [t for t, axes in pairs if t.ndim != axes], [t for t, axes in pairs if t.ndim == axes]
    if tables is not None:
        return tables, []
    found: list[Expression] = []
    beside: list[Expression] = []
    positions = {label.variable, *looked_up(s.rows, label.variable)}

    def on_part(part: Expression) -> bool:
        if part.op == "take" and part.arguments[1] in positions and label.lowest == 0:
            found.append(part.arguments[0])
            return False
        if part.op == "take" and label.lowest == 0 and _is_entry_of_row(part, positions, label.n_labels):
            table = part.arguments[0]
            found.append(table if table.ndim > 1 else reshape(table, (label.n_labels, -1)))
            return False
        if part in positions:
            raise _Broken(f"{s.factor.node.name} uses the label as a number")
        if label.variable not in part.leaves:
            beside.append(part)
            return False
        beside.extend(a for a in part.arguments if a.shape != s.rows.shape)
        return True

    follow_rows(s.rows, s.rows.shape[0], on_part)
    return found, beside


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


def _weights(block: LabelBlock, structure: Structure, found: Exchange) -> None:
    weights = block.log_weights
    assert weights is not None
    complement = _complement_of(weights, structure)
    if not weights.leaves:
        found.counted = np.unique(evaluate(weights, {})).size > 1
    elif complement is not None:
        found.complements.append(complement)
    else:
        _table(weights, block.label.n_labels, structure, found)


def _complement_of(weights: Expression, structure: Structure) -> Stochastic | None:
    """p, where the weights are exactly log [p, 1 - p], or those of a Bernoulli law."""
    nodes = {leaf: node for node, leaf in structure.recording.leaves.items()}
    if weights.op == "density" and weights.extra.name == "Bernoulli":
        probability = _unshaped(weights.arguments[1])
        found = [
            n
            for leaf, n in nodes.items()
            if leaf.size == 1 and (probability is leaf or probability is _complement(leaf))
        ]
        return found[0] if found else None
    if weights.op != "log" or weights.arguments[0].op != "concatenate" or weights.size != 2:
        return None
    first, second = (_unshaped(a) for a in weights.arguments[0].arguments)
    for leaf, node in nodes.items():
        pair = {id(first), id(second)}
        if leaf.size == 1 and pair == {id(leaf), id(_complement(leaf))}:
            return node
    return None


def _complement(leaf: Expression) -> Expression:
    return _unshaped(elementwise("subtract", 1, leaf))


def _unshaped(x: Expression) -> Expression:
    return x.arguments[0] if x.op == "reshape" else x


def _table(x: Expression, n_labels: int, structure: Structure, found: Exchange) -> None:
    """Check that a table over labels permutes along when its leaves do, and note the leaves."""
    nodes = {leaf: node for node, leaf in structure.recording.leaves.items()}
    waiting = [x]
    while waiting:
        part = waiting.pop()
        if part.op == "reshape" and part.shape == (n_labels,) and _is_column(part, n_labels, nodes):
            waiting.append(part.arguments[0])  # a column kept as one
        elif part.op in ELEMENTWISE and part.shape == (n_labels,) and part.leaves:
            waiting += reversed(part.arguments)
        else:
            _table_of_leaves(part, n_labels, structure, found, nodes)


def _is_column(x: Expression, n_labels: int, nodes: Mapping[Expression, Stochastic]) -> bool:
    return bool(x.leaves) and x not in nodes and x.arguments[0].shape[:1] == (n_labels,)


def _table_of_leaves(
    x: Expression, n_labels: int, structure: Structure, found: Exchange, nodes: Mapping[Expression, Stochastic]
) -> None:
    """As :func:`_table`, for what is no function of other tables."""
    if x.size == 1 and x.shape != (n_labels,):
        return
    if x.ndim > 1 and x.shape[0] == n_labels:
        _table_of_events(x, n_labels, structure, found)
        return
    if x.shape != (n_labels,):
        raise _Broken(f"a table has shape {x.shape} instead of one entry per label")
    if not x.leaves:
        known = evaluate(x, {})
        if np.unique(known).size > 1:
            found.told_apart(known[:, None])
    elif x in nodes:
        _add(found, [(nodes[x], k) for k in range(n_labels)])
    elif x.op == "take" and x.arguments[0] in nodes and x.arguments[1].is_constant:  # a column of a table
        _add(found, [(nodes[x.arguments[0]], int(k)) for k in x.arguments[1].known])
    elif x.op == "concatenate" and all(a.size == 1 for a in x.arguments):
        _add_whole(found, [nodes[leaf] for leaf in _alike(x.arguments, set(nodes))])
    else:
        raise _Broken(f"a table is made by {x.op}")


def _table_of_events(x: Expression, n_labels: int, structure: Structure, found: Exchange) -> None:
    """A table of vectors or matrices: each of its numbers is a table of its own."""
    nodes = {leaf: node for node, leaf in structure.recording.leaves.items()}
    waiting = [x]
    while waiting:
        part = waiting.pop()
        if part.op in ELEMENTWISE and part.leaves and not _is_list(part, n_labels):
            same = [a.ndim == part.ndim and a.shape[0] == n_labels for a in part.arguments]
            if any(a.leaves and not s for a, s in zip(part.arguments, same, strict=True)):
                raise _Broken("a table is made of a whole variable")
            waiting += [a for a, s in zip(reversed(part.arguments), reversed(same), strict=True) if s]
        else:
            _table_of_vectors(part, n_labels, found, nodes)


def _table_of_vectors(x: Expression, n_labels: int, found: Exchange, nodes: Mapping[Expression, Stochastic]) -> None:
    """As :func:`_table_of_events`, for what is no function of other tables."""
    size = x.size // n_labels
    if not x.leaves:
        rows = np.reshape(evaluate(x, {}), (n_labels, size))
        if (rows != rows[0]).any():
            found.told_apart(rows)
    elif x in nodes:
        for j in range(size):
            _add(found, [(nodes[x], k * size + j) for k in range(n_labels)])
    elif _is_list(x, n_labels):
        _add_whole(found, [nodes[leaf] for leaf in _alike(_unshaped(x).arguments, set(nodes))])
    else:
        raise _Broken(f"a table is made by {x.op}")


def _is_list(x: Expression, n_labels: int) -> bool:
    """Whether a table of vectors or matrices is a list of variables, one for each label, side by side."""
    parts = _unshaped(x)
    return parts.op == "concatenate" and len(parts.arguments) == n_labels and _equal_sizes(parts.arguments)


def _equal_sizes(parts: Sequence[Expression]) -> bool:
    return len({p.size for p in parts}) == 1


def _alike(parts: Sequence[Expression], known: set[Expression]) -> list[Expression]:
    """The one variable in each part, where all parts are the same function of theirs."""
    leaves = [next(iter(p.leaves)) if len(p.leaves) == 1 else None for p in parts]
    if any(leaf is None or leaf not in known for leaf in leaves) or len(set(leaves)) != len(parts):
        raise _Broken("a list that is looked up is no list of like variables")
    found = [leaf for leaf in leaves if leaf is not None]
    if len({leaf.shape for leaf in found}) > 1:
        raise _Broken("a list that is looked up is one of variables of different shapes")
    skeletons = {substitute(_unshaped(p), {v: found[0]}) for p, v in zip(parts, found, strict=True)}
    if len(skeletons) > 1:
        raise _Broken("a table is made of different functions of its variables")
    return found


def _add(found: Exchange, family: list[tuple[Stochastic, int]]) -> None:
    if family not in found.families:
        found.families.append(family)


def _add_whole(found: Exchange, variables: Sequence[Stochastic]) -> None:
    """A list of variables, one for each label: each of their numbers is a table of its own."""
    for j in range(int(np.prod(variables[0].state_shape, dtype=int))):
        _add(found, [(v, j) for v in variables])


def _closed(found: Exchange, block: LabelBlock, structure: Structure) -> None:
    """The exchanged variables must enter the likelihood in no other way, and the label nothing else."""
    leaves = {structure.recording.leaves[v] for v in found.variables}
    slots = [slot for family in found.families for slot in family]
    if len(set(slots)) != len(slots):
        raise _Broken("one variable stands in two tables")
    for s in unknown_parts(block):
        tables, beside = _tables_of(s, block)
        parts = [part for table in tables for part in _scalars(table, block.label.n_labels)] + beside
        if not all(_invariant(part, leaves, block, structure) for part in parts):
            raise _Broken("a variable enters both by label and as a whole")
    weights = block.log_weights
    if weights is not None and _complement_of(weights, structure) is None:
        if not all(_invariant(part, leaves, block, structure) for part in _scalars(weights, block.label.n_labels)):
            raise _Broken("a variable enters the weights both by label and as a whole")


def _invariant(x: Expression, leaves: set[Expression], block: LabelBlock, structure: Structure) -> bool:
    """Whether a part that all labels share stays as it is when the variables' entries change places."""
    n_labels, seen, waiting = block.label.n_labels, {x}, [x]
    while waiting:
        part = waiting.pop()
        if not part.leaves & leaves:
            continue
        if part.op in REDUCTIONS and part.arguments[0].shape == (n_labels,):
            try:
                _table(part.arguments[0], n_labels, structure, Exchange())
            except _Broken:
                return False
            below = _scalars(part.arguments[0], n_labels)
        elif part.op in (*ELEMENTWISE, "reshape"):
            below = list(part.arguments)
        else:
            return False
        waiting += [a for a in below if a not in seen]
        seen.update(below)
    return True


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


def _symmetric(node: Stochastic) -> bool:
    """Whether a probability's prior is the same for its complement."""
    name = getattr(node.family, "name", "")
    given = list(node.parents.values())
    if any(not np.isscalar(g) and not isinstance(g, np.ndarray) for g in given):
        return False
    first, second = (float(np.ravel(g)[0]) for g in given[:2]) if len(given) == 2 else (0.0, 1.0)
    return (name == "Uniform" and abs(first + second - 1.0) < 1e-12) or (name == "Beta" and first == second)


def outside(found: Exchange, block: LabelBlock, structure: Structure) -> list[Evidence]:
    """Everything that depends on the exchanged variables except the likelihood and label prior of the block."""
    inside = {s.factor for s in block.factors} | {structure.recording.own_factor(block.label.node)}
    leaves = {structure.recording.leaves[v] for v in found.variables}
    return [e for e in structure.evidence if e.factor not in inside and e.elements.leaves & leaves]


def names_may_stick(found: Exchange, block: LabelBlock, structure: Structure) -> bool:
    """Whether more than priors speaks against an exchange (an ordering, other data): it may then never be accepted."""
    priors = [structure.recording.factor_of(v) for v in found.variables]
    return any(e.factor not in priors for e in outside(found, block, structure))


def ratio_target(found: Exchange, block: LabelBlock, structure: Structure) -> Expression:
    """Log density of everything an exchange may change."""
    total: Expression = elementwise("add", 0.0, 0.0)
    parts: Sequence[Evidence] = outside(found, block, structure)
    for e in parts:
        total = elementwise("add", total, reduce("sum", e.elements))
    if found.counted and block.log_weights is not None:
        said = elementwise("where", elementwise("greater", block.counts, 0), block.counts * block.log_weights, 0.0)
        total = elementwise("add", total, reduce("sum", said))
    return total

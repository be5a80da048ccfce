"""What a move that splits and merges components weighs: how labels part the units, parameters, and the rows' sums.

Weights are summed out, and where the number of components is unknown, that too: what is left says how likely it is that
units are parted so. Which name a new component gets says nothing, so that a mass counts all names that it could have.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import gammaln

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.component_tables import ComponentTables, component_tables
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import Contribution, LabelBlock, Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce
from mcmix.structure.joint_priors import joint_of
from mcmix.structure.unknown_number import number_of


class NotMoved(Exception):
    """Why components are not split and merged, in words."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """What is weighed when units of a label block are parted anew.

    Attributes
    ----------
    block : LabelBlock
    variables : list of Stochastic
        What components have of their own, in the order in which it can be drawn.
    weights : list of Stochastic
        What the weights are made of; none where these are known, or as many as an unknown number says.
    mass : Expression
        Log probability of how units are parted, whatever the names of components, up to a constant.
    target : Expression
        The same, with the log density of the rows' sums and of the parameters of all components.
    """

    block: LabelBlock
    variables: list[Stochastic]
    weights: list[Stochastic]
    mass: Expression
    target: Expression


def weighed(block: LabelBlock, structure: Structure) -> Weighed:
    """What is weighed when components of a label block are split and merged.

    Raises
    ------
    NotMoved
        If that is not served: rows without sums by label, names of components that mean something, and others.
    """
    tables = component_tables(block, structure)
    refuse_rows(block, tables)
    variables = variables_of(block, tables, structure)
    weights, mass = _mass(block, structure)
    target = mass
    for e in _about(block, [*variables], [*weights, block.label.node], structure):
        target = elementwise("add", target, reduce("sum", e.elements))
    return Weighed(block, variables, weights, mass, target)


def refuse_rows(block: LabelBlock, tables: ComponentTables) -> None:
    """Refuse labels, and rows, of which two components' cannot be brought together and added up.

    Raises
    ------
    NotMoved
    """
    refuse_labels(block, tables)
    for s in block.factors:
        cells = s.cells
        plain = cells is not None and cells.groups is None and s.labels == [block.label] and s.units is None
        if not plain or s.gaps is not None:
            raise NotMoved(f"{s.factor.node.name} has no sums by label alone, of one complete row for each")


def refuse_labels(block: LabelBlock, tables: ComponentTables) -> None:
    """Refuse labels that name components, or that cannot be drawn one by one from rows in memory.

    Raises
    ------
    NotMoved
    """
    label = block.label
    for s in block.factors:
        if s.factor.column is not None and s.factor.column.on_disk is not None:
            raise NotMoved(f"{s.factor.node.name} stays on disk")
        if s.gaps is not None or s.labels != [label]:
            raise NotMoved(f"{s.factor.node.name} has missing coordinates, or other labels")
    if tables.unseen:
        raise NotMoved(tables.unseen)
    if tables.shared_with:
        raise NotMoved(f"{', '.join(tables.shared_with)} looks up the same components")
    if label.column is not None or label.node.row_weights is not None or label.n_labels < 2:
        raise NotMoved("labels are known in part, not drawn one by one, or all the same")
    if block.distribution.ahead is not None:
        raise NotMoved("units follow one another")
    if block.log_weights is None or tables.complements:
        raise NotMoved(
            "weights vary by row" if block.log_weights is None else "there is one probability for two labels"
        )


# -------------------------------------------------------------------- parameters


def variables_of(block: LabelBlock, tables: ComponentTables, structure: Structure) -> list[Stochastic]:
    """What components have of their own, a precision ahead of the mean that is drawn given it."""
    weights = block.log_weights
    assert weights is not None
    own = [v for v in tables.variables if structure.recording.leaves[v] not in weights.leaves]
    own = [v for v in own if v is not getattr(number_of(block, structure), "weights", None)]
    for v in own:
        if v.shape[:1] != (block.label.n_labels,) or v.mask is not None:
            raise NotMoved(f"{v.name} has no axis of components")
        if structure.held & {v} or structure.apart & {v}:
            raise NotMoved(f"{v.name} has a step of its own")
    pairs = [found for v in own if (found := joint_of(v, structure)) is not None]
    means: set[Stochastic] = {pair.mean for pair in pairs}
    _refuse_chains(own, means, structure)
    return [*(v for v in own if v not in means), *(v for v in own if v in means)]


def _refuse_chains(own: list[Stochastic], means: set[Stochastic], structure: Structure) -> None:
    """A draw without rows must be one of the prior: no other parameter of the component may stand above it."""
    leaves = {structure.recording.leaves[v] for v in own}
    for v in own:
        above = [p for p in structure.recording.own_factor(v).parameters.values() if p.leaves & leaves]
        if above and v not in means:
            raise NotMoved(f"the prior of {v.name} depends on another parameter of its component")


def _about(
    block: LabelBlock, variables: list[Stochastic], apart: list[Stochastic], structure: Structure
) -> list[Contribution]:
    """Priors of components and likelihoods of the rows, those of components without units too."""
    leaves = {structure.recording.leaves[v] for v in variables}
    rows = {s.factor for s in block.factors}
    found = [e.whole or e for e in structure.contributions if e.factor.node not in apart]
    found = [e for e in found if e.factor in rows or e.elements.leaves & leaves]
    by_row = [e for e in found if e.over == "rows" and e.factor.column is not None]
    if by_row:
        raise NotMoved(f"{by_row[0].factor.node.name} is weighed row by row")
    return found


# -------------------------------------------------------------------- how units are parted


def _mass(block: LabelBlock, structure: Structure) -> tuple[list[Stochastic], Expression]:
    """What weights are made of, and the log probability of how units are parted with these summed out."""
    if number_of(block, structure) is not None:
        return [], _of_unknown_number(block, structure)
    assert block.log_weights is not None
    names = names_of(block)
    nodes = [n for n, leaf in structure.recording.leaves.items() if leaf in block.log_weights.leaves]
    if not nodes:
        held = elementwise("where", elementwise("greater", block.counts, 0), block.counts * block.log_weights, 0.0)
        return [], names + reduce("sum", held)
    total = names
    for node in nodes:
        total = total + _summed_out(node, nodes, structure)
    return nodes, total


def names_of(block: LabelBlock) -> Expression:
    """Log of how many ways there are to give names to the components that have units."""
    capacity = float(block.label.n_labels - block.beyond)
    return constant(gammaln(capacity + 1.0)) - gammaln(capacity + 1.0 - occupied_of(block))


def refuse_endless(block: LabelBlock) -> None:
    """Refuse components without end.

    Raises
    ------
    NotMoved
    """
    if block.beyond:
        raise NotMoved("components have no end")


def occupied_of(block: LabelBlock) -> Expression:
    """How many components have units."""
    return reduce("sum", elementwise("where", elementwise("greater", block.counts, 0), 1.0, 0.0))


def _summed_out(node: Stochastic, nodes: list[Stochastic], structure: Structure) -> Expression:
    """Log normalising constant of a conjugate conditional: what labels say with the variable integrated out."""
    found, leaves = conjugate(node, structure), {structure.recording.leaves[n] for n in nodes}
    if not isinstance(found, Conjugate) or found.kind not in ("dirichlet", "beta"):
        raise NotMoved(f"{node.name}: weights are no draw of a conjugate prior")
    if structure.apart & {node} or structure.held & {node}:
        raise NotMoved(f"{node.name} has a step of its own")
    parts = [p for p in (found.first, found.second) if p is not None]
    others = [e for e in structure.about(node) if e.factor.node is not node and e.over != "labels"]
    if others or any(p.leaves & leaves for p in parts):
        raise NotMoved(f"{node.name} tells more than weights")
    if found.kind == "dirichlet":
        if len(node.shape) != 1:
            raise NotMoved(f"{node.name} is no single vector of weights")
        shapes = found.first + 1.0
        return reduce("sum", gammaln(shapes)) - gammaln(reduce("sum", shapes))
    a, b = parts[0] + 1.0, parts[1] + 1.0
    return reduce("sum", gammaln(a) + gammaln(b) - gammaln(a + b))


def concentrations(block: LabelBlock, structure: Structure) -> tuple[list[Stochastic], Expression]:
    """What weights are made of where nobody draws them anew, and the concentration of each, or one for all.

    Raises
    ------
    NotMoved
        If weights are no draw of one Dirichlet prior, whose concentration does not depend on their number.
    """
    number = number_of(block, structure)
    if number is not None:
        if number.is_dynamic:
            raise NotMoved("the concentration depends on the number of components")
        return [], number.concentration
    assert block.log_weights is not None
    nodes = [n for n, leaf in structure.recording.leaves.items() if leaf in block.log_weights.leaves]
    found = conjugate(nodes[0], structure) if len(nodes) == 1 else None
    if not isinstance(found, Conjugate) or found.kind != "dirichlet" or found.first.shape != block.counts.shape:
        raise NotMoved("weights are no draw of one Dirichlet prior")
    _summed_out(nodes[0], nodes, structure)
    return nodes, found.first + 1.0 - block.counts


def _of_unknown_number(block: LabelBlock, structure: Structure) -> Expression:
    """Log of the sum over K of p(K) Gamma(K a) / Gamma(n + K a) K! / (K - K+)! times the rising factorials."""
    number = number_of(block, structure)
    assert number is not None
    counts, seen = block.counts, elementwise("greater", block.counts, 0)
    numbers, occupied = constant([k + 1.0 for k in range(number.most)]), occupied_of(block)
    room = numbers - occupied
    possible = elementwise("greater_equal", room, 0.0)
    ways = gammaln(numbers + 1.0) - gammaln(elementwise("where", possible, room, 0.0) + 1.0)
    logs = elementwise("where", possible, number.log_masses + ways, constant(-1e300))
    a = number.concentrations
    if not number.is_dynamic:
        rising = elementwise("where", seen, gammaln(counts + a) - gammaln(a), 0.0)
        return log_of_sum(logs) + reduce("sum", rising)
    each = ex.reshape(counts, (1, -1)) + ex.reshape(a, (-1, 1))
    table = gammaln(each) - ex.reshape(gammaln(a), (-1, 1))
    rising = reduce("sum", elementwise("where", ex.reshape(seen, (1, -1)), table, 0.0), 1)
    return log_of_sum(logs + rising)


def log_of_sum(logs: Expression) -> Expression:
    """Log of a sum of exponentials."""
    highest = reduce("max", logs)
    return highest + elementwise("log", reduce("sum", elementwise("exp", logs - highest)))


__all__ = [
    "NotMoved",
    "Weighed",
    "concentrations",
    "log_of_sum",
    "names_of",
    "occupied_of",
    "refuse_endless",
    "refuse_labels",
    "refuse_rows",
    "variables_of",
    "weighed",
]

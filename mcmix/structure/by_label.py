"""Log densities written mask by mask, ``f(x[z == 0], a) + f(x[z == 1], b)``, read as one of rows with labels.

Where the masks are the values of one label vector, each once, this is the log density of x with the parameters looked
up by label, ``[a, b][z]``, and has all that such a factor has: sums by label, conjugate steps, moves of labels. Else
the sums over the rows of different masks become one sum over rows, so that labels can be seen to go by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mcmix.errors import TraceError
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.expression import Expression, elementwise, reduce
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recording import Factor, Recording


def merged_masks(factor: Factor, recording: Recording, labels: Mapping[Expression, LabelVector]) -> list[Factor]:
    """The factor, or the factors whose sum it is."""
    if factor.family is not None or factor.elements.shape != ():
        return [factor]
    terms = _terms(factor.elements)
    masked = [t for t in terms if _is_masked(t)]
    if not masked or not any(t.leaves & labels.keys() for t in masked):
        return [factor]
    rest = [t for t in terms if not _is_masked(t)]
    distribution = _as_distribution(masked, factor, recording, labels)
    found = [distribution] if distribution is not None else [replace(factor, elements=x) for x in _by_length(masked)]
    return found + ([replace(factor, elements=_total(rest))] if rest else [])


def one_sum(x: Expression) -> Expression:
    """A sum over rows of several masks as one over rows; anything else as it is."""
    terms = _terms(x) if x.shape == () else []
    sums = _by_length(terms) if terms and all(map(_is_masked, terms)) else []
    return sums[0] if len(sums) == 1 else x


def _terms(x: Expression) -> list[Expression]:
    """Single numbers of which x is the sum."""
    found: list[Expression] = []
    waiting = [(x, False)]
    while waiting:
        part, minus = waiting.pop()
        if part.op in ("add", "subtract"):
            left, right = (ex.reshape(a, ()) for a in part.arguments)
            waiting += [(right, minus != (part.op == "subtract")), (left, minus)]
        else:
            found.append(elementwise("negative", part) if minus else part)
    return found


def _is_masked(x: Expression) -> bool:
    """Whether it is a sum over those rows for which a mask holds."""
    if x.op != "sum" or x.arguments[0].op != "where" or x.arguments[0].ndim != 1:
        return False
    mask, rows, other = x.arguments[0].arguments
    return mask.kind == "bool" and mask.shape == rows.shape and ex._is(other, 0.0)


def _total(terms: Sequence[Expression]) -> Expression:
    total = terms[0]
    for t in terms[1:]:
        total = elementwise("add", total, t)
    return total


def _by_length(masked: Sequence[Expression]) -> list[Expression]:
    """One sum over rows for each number of rows."""
    found: dict[int, list[Expression]] = {}
    for t in masked:
        found.setdefault(t.arguments[0].size, []).append(t.arguments[0])
    return [reduce("sum", _total(rows)) for rows in found.values()]


def _as_distribution(
    masked: Sequence[Expression], factor: Factor, recording: Recording, labels: Mapping[Expression, LabelVector]
) -> Factor | None:
    """The log density of the node's value with parameters looked up by label, where all terms together are one."""
    node = factor.node
    by_value = _by_value(masked, labels)
    if by_value is None or not isinstance(node, Stochastic) or not node.observed:
        return None
    variable, densities = by_value
    first, x = densities[0], recording.values.get(node)
    if x is None or first.op not in ("density", "events"):
        return None
    if any(d.op != first.op or d.extra is not first.extra or not _same_data(d.arguments[0], x) for d in densities):
        return None
    try:
        columns = list(zip(*[d.arguments[1:] for d in densities], strict=True))
        parameters = [_looked_up(c, variable, a) for c, a in zip(columns, _axes(first), strict=True)]
        made = (ex.density if first.op == "density" else ex.event_density)(first.extra, x, parameters)
    except TraceError:
        return None
    named = dict(zip([p.name for p in first.extra.parameters], parameters, strict=True))
    return Factor(node, made, first.extra, x, named) if made.shape == first.shape else None


def _by_value(
    masked: Sequence[Expression], labels: Mapping[Expression, LabelVector]
) -> tuple[Expression, list[Expression]] | None:
    """The label vector whose values the masks are, each once, and the rows' log densities in that order."""
    found: dict[float, Expression] = {}
    variables = set[Expression]()
    for t in masked:
        mask, rows, _ = t.arguments[0].arguments
        if mask.op != "equal" or mask.arguments[0] not in labels or mask.arguments[1].size != 1:
            return None
        if not mask.arguments[1].is_constant:
            return None
        variables.add(mask.arguments[0])
        found[float(mask.arguments[1].known.reshape(()))] = rows
    # A value that is left out, or there twice, would make rows count never or twice: no look-up by label.
    if len(variables) != 1 or len(found) != len(masked):
        return None
    (variable,) = variables
    values = [float(v) for v in labels[variable].values]
    if sorted(found) != values or values != list(range(len(values))):
        return None
    return variable, [found[v] for v in values]


def _same_data(a: Expression, b: Expression) -> bool:
    """Whether two arrays are the same numbers: the node's value, or the array that it was made of."""
    return a is b or (a.is_constant and b.is_constant and a.shape == b.shape and np.array_equal(a.known, b.known))


def _axes(x: Expression) -> list[int]:
    return [p.event_ndim for p in x.extra.parameters]


def _looked_up(column: Sequence[Expression], variable: Expression, axes: int) -> Expression:
    """One parameter of all values, looked up by label; as it is where it is the same for all."""
    if all(p is column[0] for p in column):
        return column[0]
    if any(p.ndim != axes for p in column):
        raise TraceError("a parameter goes by row beside the label")
    found: Expression = ex.stack(column)[variable]
    return found


__all__ = ["merged_masks", "one_sum"]

"""Which coefficients of linear predictors meet in a row, whatever the labels are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure.cells import looked_up
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.linear import Term
from mcmix.structure.rewrite import NotSeparable, substitute

MOST_CASES = 4096  # values of labels that are tried
MOST_MEETINGS = 50_000_000  # rows times coefficients times cases that are looked at


@dataclass(frozen=True, eq=False)
class Child:
    """Rows that depend on coefficients by their mean.

    Attributes
    ----------
    contribution : Contribution
    rows : int
    weight, rest : Expression, shape (rows,) or ()
        Precision of each row, and that times its value less what is no coefficient's.
    terms : tuple of Term
        Slope and number of each coefficient that a row meets.
    """

    contribution: Contribution
    rows: int
    weight: Expression
    rest: Expression
    terms: tuple[Term, ...]


def meetings(child: Child, size: int, structure: Structure, sure: bool) -> np.ndarray:
    """Pairs of coefficients, of `size` in all, that a row may have at once.

    With `sure` only those that are seen to meet for some labels; else, where that cannot be followed, all may meet.
    """
    found = [np.repeat(np.arange(size)[:, None], 2, axis=1)]
    for indices, there in designs(child, structure, sure):
        if indices is None:
            more = np.zeros((size, 2), np.int64)
            more[:, 1] = np.arange(size)
            return found[0] if sure else more
        found.append(_pairs(indices, there, size))
    return np.concatenate(found)


def _pairs(indices: np.ndarray, there: np.ndarray, m: int) -> np.ndarray:
    """(First, other) coefficient of each row, each pair once: indices and whether they count, by term and row."""
    rows = np.broadcast_shapes(indices.shape[1:], there.shape[1:])
    which = there.argmax(0)
    first = indices[which, 0] if indices.shape[1] == 1 else indices[which, np.arange(*rows)]
    # A row ties all its coefficients to its first one: the connected components are those of all pairs.
    both = [np.broadcast_arrays(first * m + other, where) for other, where in zip(indices, there, strict=True)]
    codes = [np.unique(code[where]) for code, where in both]
    return np.stack(np.divmod(np.unique(np.concatenate(codes)), m), axis=1)


Design = tuple[np.ndarray | None, np.ndarray]


def designs(child: Child, structure: Structure, sure: bool = False) -> Iterator[Design]:
    """For each case of the labels: which coefficients each row would meet, and where one of them is there at all.

    Each has shape (terms, rows), or (terms, 1) where all rows are alike. None where it cannot be followed. Where rows
    are too many to be looked at one by one, a column with noughts counts as a whole, or with `sure` not at all.
    """
    labels, seen = _labels_in(child, structure), dict[Expression, np.ndarray]()
    cases = int(np.prod([label.n_labels for label in labels.values()], dtype=float))
    each = cases * child.rows * len(child.terms) <= MOST_MEETINGS
    for values in product(*[label.values for label in labels.values()]) if cases <= MOST_CASES else [None]:
        case = dict(zip(labels, values or (), strict=False))
        indices = [_in_case(t.index, case) for t in child.terms]
        if values is None or not all(i.is_constant and (each or i.size == 1) for i in indices):
            yield None, np.zeros(0)
            return
        there = [_there(_in_case(t.slope, case), each, sure, seen) for t in child.terms]
        yield _by_row([i.known for i in indices]).astype(np.int64), _by_row(there)


def _there(slope: Expression, each: bool, sure: bool, seen: dict[Expression, np.ndarray]) -> np.ndarray:
    """Where a coefficient counts: not where its slope is known to be nought."""
    if not slope.is_constant:
        return np.array(True)
    if slope not in seen:
        # A coefficient with slope nought is not in the row's density: no reason to draw it with the others.
        counts = np.asarray(slope.known != 0.0)
        some = counts if each else np.array(not sure)
        seen[slope] = np.array(True) if counts.all() else some if counts.any() else np.array(False)
    return seen[slope]


def _by_row(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers of each term, one for each row, or one for all."""
    rows = max(p.size for p in parts)
    return np.stack([np.broadcast_to(p, (rows,)) for p in parts])


def _labels_in(child: Child, structure: Structure) -> dict[Expression, LabelVector]:
    """Labels that say which coefficients a row has: each look-up of a label vector, or the vector itself.

    A row that looks up two units of one vector (its own label and its neighbour's) may find different labels there.
    """
    known = [b.label for b in structure.blocks] + list(structure.non_factorising)
    parts = dict.fromkeys(x for t in child.terms for x in (t.index, t.slope))
    found: dict[Expression, LabelVector] = {}
    for label in known:
        met = [x for x in parts if label.variable in x.leaves]
        taken = dict.fromkeys(p for x in met for p in looked_up(x, label.variable))
        found |= dict.fromkeys(taken, label)
        if any(_is_seen_whole(x, label.variable, taken) for x in met):
            found[label.variable] = label
    return found


def _is_seen_whole(x: Expression, variable: Expression, taken: Collection[Expression]) -> bool:
    """Whether a label vector stands in x elsewhere than in look-ups of its entries."""
    seen, waiting = {x}, [x]
    while waiting:
        part = waiting.pop()
        if part is variable:
            return True
        below = [a for a in part.arguments if a not in seen and variable in a.leaves] if part not in taken else []
        seen.update(below)
        waiting += below
    return False


def _in_case(x: Expression, case: Mapping[Expression, int]) -> Expression:
    """X where every row finds the same label at the same look-up."""
    replaced = {part: constant(np.asarray(value)) for part, value in case.items()}
    try:
        return substitute(x, replaced)
    except (NotSeparable, TraceError):
        return x


__all__ = ["Child", "designs", "meetings"]

"""Rewriting expressions: replace parts, and follow how rows depend on labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mcmix.structure import expression as ex
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression, constant, elementwise
from mcmix.structure.sources import derived
from mcmix.structure.walks import folded, ordered


class NotSeparable(Exception):
    """Row i of a factor depends on more than label i, or in a way that cannot be shown to be so simple."""


def substitute(x: Expression, replacements: Mapping[Expression, Expression]) -> Expression:
    """X with parts replaced; shapes follow where every operation in between is elementwise or a look-up.

    Raises
    ------
    NotSeparable
        If a replacement changes the shape below an operation that cannot follow.
    """
    done: dict[Expression, Expression] = dict(replacements)
    for part in ordered(x):
        if part not in done:
            done[part] = rebuilt(part, [done[a] for a in part.arguments])
    return done[x]


def rebuilt(x: Expression, arguments: list[Expression]) -> Expression:
    """The operation of x on other arguments."""
    if all(new is old for new, old in zip(arguments, x.arguments, strict=True)):
        return x
    if x.op in ELEMENTWISE:
        return ex.elementwise(x.op, *arguments)
    if x.op == "take":
        return ex.gather(*arguments)
    if x.op == "density":
        return ex.density(x.extra, arguments[0], arguments[1:])
    if x.op == "events":
        return ex.event_density(x.extra, arguments[0], arguments[1:])
    if x.op == "inverse":
        return ex.inverse(arguments[0], x.extra)
    if x.op == "reshape" and x.arguments[0].ndim and x.shape[:1] == x.arguments[0].shape[:1]:
        return _rows_reshaped(x, arguments[0])
    if any(new.shape != old.shape for new, old in zip(arguments, x.arguments, strict=True)):
        raise NotSeparable(f"{x.op} runs across rows")
    if x.op in REDUCTIONS or x.op == "cumsum" or x.op in ("concatenate", "matmul", "scatter", "python"):
        return ex._make(x.op, tuple(arguments), x.shape, x.extra, x.kind)
    if x.op == "reshape":
        return ex.reshape(arguments[0], x.shape)
    raise NotSeparable(f"{x.op} cannot be rewritten")


def _rows_reshaped(x: Expression, rows: Expression) -> Expression:
    """Rows that get more axes keep them when their number changes, or when they become one value for all."""
    old, rest = x.arguments[0], x.shape[1:]
    if rows.shape == old.shape:
        return ex.reshape(rows, x.shape)
    if rows.ndim == old.ndim and rows.shape[1:] == old.shape[1:]:
        return ex.reshape(rows, (rows.shape[0], *rest))
    if rows.shape == old.shape[1:]:
        return ex.reshape(rows, rest)
    raise NotSeparable("reshape runs across rows")


def exposed(x: Expression, variables: set[Expression]) -> Expression:
    """X with look-ups moved below the operations that involve the variables: f(a)[group] becomes f(a[group]).

    So do look-ups of one entry of each row: f(a[z])[row, t] becomes f(a[z, t]).
    """
    done: dict[Expression, Expression] = {}
    for part in ordered(x):
        made = rebuilt(part, [done[a] for a in part.arguments])
        # Labels by group, looked up once for each row, are then seen to go by row.
        if made.op == "take" and made.arguments[1].is_constant and made.arguments[0].leaves & variables:
            made = _moved_below(*made.arguments)
        elif made.op == "take" and made.arguments[0].leaves & variables:
            found = entry_of_row(*made.arguments)
            made = made if found is None else found
        done[part] = made
    return done[x]


LookUp = tuple[Expression, Expression]  # a table, and known positions in it


def _moved_below(table: Expression, positions: Expression) -> Expression:
    return folded((table, positions), _looked_up_first, _looked_up)


def _looked_up_first(what: LookUp) -> list[LookUp]:
    """The look-ups of which one below a table's operation is made."""
    table, positions = what
    if table.op in ("reshape", "take"):
        return [(table.arguments[0 if table.op == "reshape" else 1], positions)]
    if table.op not in ELEMENTWISE:
        return []
    places = [ex.places_of(a, table.shape, positions.known) for a in table.arguments]
    return [(a, constant(p)) for a, p in zip(table.arguments, places, strict=True) if p is not None]


def _looked_up(what: LookUp, made: list[Expression]) -> Expression:
    table, positions = what
    if table.op == "reshape":
        return made[0]
    if table.op == "take":
        return ex.gather(table.arguments[0], made[0])
    if table.op not in ELEMENTWISE:
        return ex.gather(table, positions)
    rest = iter(made)
    return ex.elementwise(table.op, *[a if a.size == 1 else next(rest) for a in table.arguments])


def entry_of_row(table: Expression, positions: Expression) -> Expression | None:
    """One entry of each row of a table, looked up below what the table is made of; None where it is no such look-up."""
    while table.op == "reshape" and table.ndim == 1:
        table = table.arguments[0]
    if table.ndim != 2 or positions.shape != table.shape[:1] or positions.op != "add":
        return None
    rows, width = table.shape
    # table[row, entry] of a flat table is at row * width + entry.
    starts = np.arange(rows) * width
    parts = [p for p in positions.arguments if not (p.is_constant and np.array_equal(np.ravel(p.known), starts))]
    if len(parts) != 1:
        return None
    entry = parts[0] if parts[0].shape == (rows,) else ex.broadcast_to(parts[0], (rows,))
    return _entry(table, entry, positions)


def _entry(x: Expression, entry: Expression, positions: Expression) -> Expression:
    """X[row, entry of the row], for x that may be broadcast to the table's shape."""
    rows = positions.shape[0]

    def is_whole(part: Expression) -> bool:
        return part.size == 1 or part.ndim == 1 or part.shape in ((rows, 1), (1, *part.shape[1:]))

    def below(part: Expression) -> Sequence[Expression]:
        if is_whole(part):
            return ()
        return part.arguments if part.op in ELEMENTWISE else part.arguments[1:] if part.op == "take" else ()

    def make(part: Expression, made: list[Expression]) -> Expression:
        if is_whole(part):
            return _entry_of_whole(part, entry, rows)
        if part.op in ELEMENTWISE:
            return ex.elementwise(part.op, *made)
        if part.op == "take":
            return ex.gather(part.arguments[0], made[0])
        return _entry_of_product(part, entry) if part.op == "matmul" else ex.gather(part, positions)

    return folded(x, below, make)


def _entry_of_whole(x: Expression, entry: Expression, rows: int) -> Expression:
    """As :func:`_entry`, where every row, or every entry of a row, is the same."""
    if x.size == 1:
        return ex.reshape(x, ())
    if x.shape == (rows, 1):
        return ex.reshape(x, (rows,))
    own, width = x if x.ndim == 1 else ex.reshape(x, x.shape[-1:]), x.shape[-1]
    return entry if own.is_constant and np.array_equal(own.known, np.arange(width)) else ex.gather(own, entry)


def _entry_of_product(x: Expression, entry: Expression) -> Expression:
    """(A @ B)[row, entry] as the sum of A[row, j] * B[j, entry]: no table of rows and entries is made."""
    left, right = x.arguments
    rows, length, width = x.extra
    found: Expression = constant(0.0)
    for j in range(length):
        product = ex.gather(left, np.arange(rows) * length + j) * _entry_of_column(right, j, entry, width)
        found = product if j == 0 else found + product
    return found


def _entry_of_column(table: Expression, j: int, entry: Expression, width: int) -> Expression:
    """table[j, entry]; of a transposed table the entry of the table itself."""
    length = table.size // width
    turned = np.ascontiguousarray(np.arange(table.size).reshape(width, length).T)
    if table.op == "take" and table.arguments[1].is_constant and np.array_equal(table.arguments[1].known, turned):
        return ex.gather(table.arguments[0], elementwise("add", elementwise("multiply", entry, length), j))
    return ex.gather(table, elementwise("add", entry, j * width))


def follow_rows(x: Expression, rows: int, on_part: Callable[[Expression], bool]) -> None:
    """Walk the per-row part of an expression of shape (rows,): only operations that keep row i with row i.

    Parameters
    ----------
    x : Expression
    rows : int
    on_part : callable
        Called with every per-row part, outermost first; answers whether to go on below it.

    Raises
    ------
    NotSeparable
        Where an operation mixes rows.
    """
    waiting, seen = [x], set[Expression]()
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        if not on_part(part):
            continue
        if part.op == "events":
            _follow_events(part, rows, on_part)
            continue
        if part.op in ELEMENTWISE or part.op == "density":
            below = part.arguments
        elif part.op == "take":
            below = part.arguments[1:]
        elif part.op in ("constant", "leaf"):
            continue
        else:
            raise NotSeparable(f"{part.op} runs across rows")
        for a in below:
            if a.shape == (rows,):
                waiting.append(a)
            elif a.size != 1:
                raise NotSeparable(f"rows of shape ({rows},) meet a value of shape {a.shape}")


def _follow_events(x: Expression, rows: int, on_part: Callable[[Expression], bool]) -> None:
    """The per-row part of values and parameters of vectors or matrices."""
    axes = [x.extra.event_ndim, *[p.event_ndim for p in x.extra.parameters]]
    waiting = []
    for a, n in zip(x.arguments, axes, strict=True):
        if a.ndim == n:  # shared by all rows
            on_part(a)
        elif a.ndim == n + 1 and a.shape[0] == rows:
            waiting.append(a)
        else:
            raise NotSeparable(f"rows of shape ({rows},) meet a value of shape {a.shape}")
    seen = set[Expression]()
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            if on_part(part):
                waiting += _leading(part, rows)


def _leading(part: Expression, rows: int) -> list[Expression]:
    """What has the same leading axis of rows below a part that has one; nothing may mix rows."""
    if part.op in ("constant", "leaf"):
        return []
    if part.op == "reshape" and part.arguments[0].shape[:1] == (rows,):
        return [part.arguments[0]]
    if part.op == "take":
        below = part.arguments[1:]
    elif part.op in ELEMENTWISE:
        below = part.arguments
    else:
        raise NotSeparable(f"{part.op} runs across rows")
    for a in below:
        if a.ndim == part.ndim and a.shape[0] not in (1, rows):
            raise NotSeparable(f"rows of shape ({rows},) meet a value of shape {a.shape}")
    return [a for a in below if a.ndim == part.ndim and a.shape[0] == rows]


def chosen_rows(x: Expression, rows: int, order: np.ndarray) -> Expression:
    """Some of the rows (first axis) of an expression of any number of axes, in some order; tables are kept whole."""

    def has_rows(a: Expression, part: Expression) -> bool:
        return a.ndim == part.ndim and a.shape[0] == rows

    def below(part: Expression) -> Sequence[Expression]:
        if part.op in ELEMENTWISE:
            return [a for a in part.arguments if has_rows(a, part)]
        if part.op == "take" and part.arguments[1].shape == part.shape:
            return part.arguments[1:]
        return part.arguments if part.op == "reshape" and part.arguments[0].shape[:1] == (rows,) else ()

    def make(part: Expression, made: list[Expression]) -> Expression:
        if part.is_constant:
            return _known_rows(part, order)
        if part.op in ELEMENTWISE:
            rest = iter(made)
            return ex.elementwise(part.op, *[next(rest) if has_rows(a, part) else a for a in part.arguments])
        if not made:
            return _rows_at(part, rows, order)
        if part.op == "take":
            return ex.gather(part.arguments[0], made[0])
        return ex.reshape(made[0], (len(order), *part.shape[1:]))

    return folded(x, below, make)


def _known_rows(x: Expression, order: np.ndarray) -> Expression:
    """Some of the rows of a constant, in some order."""
    known = np.ascontiguousarray(np.asarray(x.value)[order])
    return derived(object(), lambda other: _known_rows(other, order), known, [x])


def _rows_at(x: Expression, rows: int, order: np.ndarray) -> Expression:
    """Some of the rows of something whose rows were made together."""
    size = x.size // rows
    places = np.asarray(order)[:, None] * size + np.arange(size)
    return ex.reshape(ex.gather(ex.reshape(x, (-1,)), places.ravel()), (len(order), *x.shape[1:]))


def permuted_rows(x: Expression, rows: int, order: np.ndarray) -> Expression:
    """X with its rows in another order (row-wise expressions only; tables that are looked up stay)."""

    def below(part: Expression) -> Sequence[Expression]:
        if part.shape != (rows,):
            return ()
        if part.op == "take":
            return part.arguments[1:]
        return part.arguments if part.op in ELEMENTWISE or part.op == "density" else ()

    def permuted(part: Expression, made: list[Expression]) -> Expression:
        if part.shape != (rows,):
            return part
        if part.is_constant:
            return _known_rows(part, order)
        if part.op == "events":
            axes = [part.extra.event_ndim, *[p.event_ndim for p in part.extra.parameters]]
            wide = [a.ndim == n + 1 and a.shape[0] == rows for a, n in zip(part.arguments, axes, strict=True)]
            chosen = [chosen_rows(a, rows, order) if w else a for a, w in zip(part.arguments, wide, strict=True)]
            return ex.event_density(part.extra, chosen[0], chosen[1:])
        if part.op == "leaf":
            return ex.gather(part, order)
        if part.op == "take":
            return ex.gather(part.arguments[0], made[0])
        if part.op not in ELEMENTWISE and part.op != "density":  # rows that were made together: ordered afterwards
            return ex.gather(part, order)
        return rebuilt(part, made)

    return folded(x, below, permuted)


def hoisted(x: Expression, shape: tuple[int, ...], whole: Callable[[Expression], Expression]) -> Expression:
    """X with what is not per row, or mixes rows, replaced by what `whole` makes of it: computed once, not a tile.

    Parameters
    ----------
    x : Expression
    shape : tuple of int
        Of what is per row.
    whole : callable
        Where the value of such a part will stand.
    """
    replaced: dict[Expression, Expression] = {}
    waiting, seen = [x], set[Expression]()
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        # The same for every tile: a table of parameters, a sum over all rows.
        if part.op not in ("leaf", "constant") and (part.shape != shape or not row_by_row(part)):
            replaced[part] = whole(part)
        else:
            waiting += part.arguments
    return substitute(x, replaced)


def row_by_row(x: Expression) -> bool:
    """Whether element i of x needs only elements i of what has its shape (and whole tables)."""
    seen, waiting = {x}, [x]
    while waiting:
        part = waiting.pop()
        if part.op in ELEMENTWISE or part.op == "density":
            below = [a for a in part.arguments if a.size != 1]
            if any(a.shape != part.shape for a in below):
                return False
        elif part.op == "take":
            below = [part.arguments[1]]
        elif part.op in ("constant", "leaf"):
            continue
        else:
            return False
        waiting += [a for a in below if a not in seen]
        seen.update(below)
    return True

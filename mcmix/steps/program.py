"""From symbolic expressions to programs of the machine, over one chain's memory.

A :class:`Layout` hands out places in a chain's memory (one array of doubles). A :class:`Program` is code whose
addresses are still relative to that memory where they point into it; :meth:`Program.bound` makes them absolute for
one chain. Constants are shared by all chains and stay where they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mcmix.kernels import machine
from mcmix.kernels.base import address_of
from mcmix.kernels.events import work_size
from mcmix.kernels.machine import COUNT, EXTRA, OP, OUT, OUT_ROW, TILE, TILED, WIDTH, A, B, C, D
from mcmix.nodes.numbers import shared_doubles
from mcmix.steps.layout import Layout, Place, Program, PythonCall
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression, constant
from mcmix.structure.rewrite import row_by_row

OPCODES = {
    "negative": machine.NEGATIVE, "absolute": machine.ABSOLUTE, "exp": machine.EXP, "log": machine.LOG,
    "sqrt": machine.SQRT, "square": machine.SQUARE, "reciprocal": machine.RECIPROCAL, "log1p": machine.LOG1P,
    "expm1": machine.EXPM1, "sin": machine.SIN, "cos": machine.COS, "tan": machine.TAN, "tanh": machine.TANH,
    "arctan": machine.ARCTAN, "sinh": machine.SINH, "cosh": machine.COSH, "floor": machine.FLOOR, "ceil": machine.CEIL,
    "sign": machine.SIGN, "gammaln": machine.GAMMALN, "expit": machine.EXPIT, "logit": machine.LOGIT,
    "not": machine.NOT, "log2": machine.LOG2, "log10": machine.LOG10, "arcsin": machine.ARCSIN,
    "arccos": machine.ARCCOS, "erf": machine.ERF, "rint": machine.RINT, "trunc": machine.TRUNC,
    "ndtr": machine.NDTR, "log_ndtr": machine.LOG_NDTR,
    "digamma": machine.DIGAMMA, "i0e": machine.I0E, "i1e": machine.I1E,
    "add": machine.ADD, "subtract": machine.SUBTRACT, "multiply": machine.MULTIPLY, "divide": machine.DIVIDE,
    "power": machine.POWER, "maximum": machine.MAXIMUM, "minimum": machine.MINIMUM, "remainder": machine.REMAINDER,
    "floor_divide": machine.FLOOR_DIVIDE, "arctan2": machine.ARCTAN2, "less": machine.LESS,
    "less_equal": machine.LESS_EQUAL, "greater": machine.GREATER, "greater_equal": machine.GREATER_EQUAL,
    "equal": machine.EQUAL, "not_equal": machine.NOT_EQUAL, "and": machine.AND, "or": machine.OR,
    "xlogy": machine.XLOGY, "logaddexp": machine.LOGADDEXP, "where": machine.WHERE,
}  # fmt: skip
REDUCE_KINDS = {"sum": machine.BY_SUM, "prod": machine.BY_PROD, "max": machine.BY_MAX, "min": machine.BY_MIN}

ADDRESSES = (A, B, C, D)  # of an instruction's operands
DEEPEST = 60  # calls of the compiler for what is below something, one inside the other
STREAMED_FROM = 2 * TILE  # shorter rows are evaluated whole


class Compiler:
    """Turns expressions into one program. With `tile_rows` the program runs on tiles of rows or on single elements."""

    def __init__(self, layout: Layout, tile_rows: int | None = None, private_scratch: bool = False):
        self.layout = layout
        self.tile_rows = tile_rows
        self.rows: list[np.ndarray] = []
        self.relative: list[np.ndarray] = []
        self.kept: list[Any] = []
        self.numbers: list[tuple[Expression, np.ndarray]] = []
        self.python: list[PythonCall] = []
        self.found: dict[Expression, Place] = {}
        self.found_whole: dict[Expression, Place] = {}
        self.used = 0
        self.private = private_scratch
        self.streaming: int | None = None
        self.untiled = False
        self.nested = 0

    # ---------------------------------------------------------------- outside

    def program(self, outputs: Sequence[tuple[Expression, Hashable | None]]) -> Program:
        """Compile; each output goes to the place of its key, or where the compiler likes (None)."""
        offsets = []
        for expression, key in outputs:
            place = self.value(expression)
            if key is not None:
                target = Place(8 * self.layout.place(key, max(expression.size, 1)), True, 1, 0)
                self._copy(place, target, expression.size)
                place = target
            elif not place.relative:
                place = self._moved(place, expression)
            offsets.append(place.address // 8)
        self.layout.scratch = max(self.layout.scratch, 0 if self.private else self.used)
        code = np.array(self.rows, dtype=np.int64).reshape(-1, WIDTH)
        relative = np.array(self.relative, dtype=np.int64).reshape(-1, WIDTH)
        return Program(code, relative, offsets, self.kept, self.python, self.numbers)

    def columns(self, rows: Sequence[Expression], key: Hashable) -> Program:
        """Compile rows, or single numbers, side by side: a tile of each goes to TILE doubles of its own at the key."""
        start = 8 * self.layout.place(key, TILE * len(rows))
        for j, x in enumerate(rows):
            self._emit(machine.COPY, TILED, Place(start + 8 * TILE * j, True, 1, 0), [self.value(x)])
        return self.program([])

    # ---------------------------------------------------------------- places

    def value(self, x: Expression) -> Place:
        """Where x is once the code so far has run."""
        if x not in self.found:
            if self.nested >= DEEPEST:
                self._compute_below(x)
            self.nested += 1
            self.found[x] = self._computed(x)
            self.nested -= 1
        return self.found[x]

    def _compute_below(self, x: Expression) -> None:
        """Compute what is below x first, what is deepest first, so that nothing is nested any deeper."""
        waiting = [(a, False) for a in self._beside(x)]
        while waiting:
            part, ready = waiting.pop()
            if part in self.found:
                continue
            if ready:
                self.found[part] = self._computed(part)
            else:
                waiting.append((part, True))
                waiting += [(a, False) for a in reversed(self._beside(part))]

    def _beside(self, x: Expression) -> Sequence[Expression]:
        """What must be computed for x as x itself is: for whole arrays, for the rows of a tile, of a stream."""
        if x.op in ELEMENTWISE or x.op in ("density", "reshape"):
            return x.arguments
        as_rows = self.streaming is not None or (self.tile_rows is not None and not self.untiled)
        if x.op == "take":
            return x.arguments[1:] if as_rows else x.arguments
        if x.op in ("scatter", "by label") or as_rows:
            return ()
        if x.op == "of label":
            return _not_rows(x.arguments[:1], x.arguments[0].shape)
        if x.op == "sum" and x.shape == () and self._streams(x.arguments[0]):
            return _not_rows(x.arguments, x.arguments[0].shape)
        return x.arguments

    @contextmanager
    def _whole_arrays(self) -> Iterator[None]:
        """Compile what follows for whole arrays: sums and tables need all rows, not the tile's."""
        if self.tile_rows is None or self.untiled:
            yield
            return
        before, self.found, self.untiled = self.found, self.found_whole, True
        yield
        self.found, self.untiled = before, False

    def _is_tiled(self, x: Expression) -> bool:
        if self.tile_rows is not None and x.shape == (self.tile_rows,) and not self.streaming and not self.untiled:
            return True
        return self.streaming is not None and x.shape == (self.streaming,)

    def _register(self, x: Expression) -> Place:
        n = TILE if self._is_tiled(x) else max(x.size, 1)
        return Place(8 * self._scratch(n), True, 1 if x.size > 1 or self._is_tiled(x) else 0, 0)

    def _scratch(self, n: int) -> int:
        if self.private:
            # by its number among all places: the address of a compiler that is gone is given to the next one
            start = self.layout.place(("scratch", len(self.layout.places)), n)
            self.used += n
            return start
        start = self.used
        self.used += n
        return SCRATCH + start

    def _computed(self, x: Expression) -> Place:
        if x.op == "constant":
            return self._constant(x)
        if x.op == "leaf":
            offset, n = self.layout.places[x.extra]
            return Place(8 * offset, True, 1 if x.size > 1 or self._is_tiled(x) else 0, 8 if self._is_tiled(x) else 0)
        if x.op == "reshape":
            return self.value(x.arguments[0])
        if x.op in ELEMENTWISE or x.op in ("take", "density"):
            return self._per_element(x)
        if x.op == "sum" and x.shape == () and self._streams(x.arguments[0]):
            return self._streamed(x, x.arguments[0], None)
        if x.op == "scatter":
            with self._whole_arrays():
                place = self._scattered(x)
            return _by_row(place) if self._is_tiled(x) else place
        if x.op == "of label":
            return self._streamed(x, x.arguments[0], None, x.arguments[1])
        return self._by_label(x) if x.op == "by label" else self._whole(x)

    def _constant(self, x: Expression) -> Place:
        array = numbers_of(x.value)
        self.kept.append(array)
        if x.source is not None:
            self.numbers.append((x, array))
        wide = array.size > 1  # a single number is read with step 0
        return Place(address_of(array), False, 1 if wide else 0, 8 if wide and self._is_tiled(x) else 0)

    def _spread(self, x: Expression, shape: tuple[int, ...]) -> Place:
        """An operand of an elementwise instruction: one value for all, or one per element of the result."""
        if x.shape != shape and x.size > 1:
            x = _broadcast(x, shape)
        return self.value(x)

    # ---------------------------------------------------------------- instructions

    def _elementwise(self, op: int, count: int, out: Place, operands: Sequence[Place]) -> None:
        if op in machine.RARELY_USED:
            self._emit(machine.RARE, count, out, operands, [machine.RARE_FUNCTIONS.address, op])
        else:
            self._emit(op, count, out, operands)

    def _emit(self, op: int, count: int, out: Place, operands: Sequence[Place] = (), extra: Sequence[int] = ()) -> int:
        row, relative = np.zeros(WIDTH, np.int64), np.zeros(WIDTH, np.int64)
        row[OP], row[COUNT], row[OUT], row[OUT_ROW] = op, count, out.address, out.row
        relative[OUT] = out.relative
        for slot, place in zip(ADDRESSES, operands, strict=False):
            row[slot : slot + 3] = place.address, place.step, place.row
            relative[slot] = place.relative
        row[EXTRA : EXTRA + len(extra)] = extra
        self.rows.append(row)
        self.relative.append(relative)
        return len(self.rows) - 1

    def _count(self, x: Expression) -> int:
        return TILED if self._is_tiled(x) else max(x.size, 1)

    def _per_element(self, x: Expression) -> Place:
        if x.op == "take":
            with self._whole_arrays():
                table = self._dense(x.arguments[0])
            index = self.value(x.arguments[1])
            out = self._register(x)
            self._emit(
                machine.TAKE,
                self._count(x),
                out,
                [Place(table.address, table.relative, 1, 0), index],
                [x.arguments[0].size],
            )
            return out
        operands = [self._spread(a, x.shape) for a in x.arguments]
        out = self._register(x)
        if x.op == "density":
            operands += [operands[-1]] * (4 - len(operands))
            self.kept.append(x.extra)
            steps = [place.step for place in operands[: len(x.arguments)]]
            # worth a kernel of its own for long rows alone
            shifted = x.size > STREAMED_FROM and len(steps) > 2 and steps == [1, 1] + [0] * (len(steps) - 2)
            kernel = x.extra.shifted_density if shifted else x.extra.density
            self._emit(machine.DENSITY, self._count(x), out, operands, [kernel.address])
        else:
            self._elementwise(OPCODES[x.op], self._count(x), out, operands * 2 if len(operands) == 1 else operands)
        return out

    def _whole(self, x: Expression) -> Place:
        with self._whole_arrays():
            place = self._computed_whole(x)
        return _by_row(place) if self._is_tiled(x) else place

    def _computed_whole(self, x: Expression) -> Place:
        out = self._register(x)
        if x.op in REDUCTIONS or x.op == "cumsum":
            source = self._dense(x.arguments[0])
            op, kind = (machine.CUMSUM, 0) if x.op == "cumsum" else (machine.REDUCE, REDUCE_KINDS[x.op])
            self._emit(op, kind, out, [source], list(x.extra))
        elif x.op == "matmul":
            self._emit(machine.MATMUL, 0, out, [self._dense(a) for a in x.arguments], list(x.extra))
        elif x.op == "concatenate":
            start = out.address
            for part in x.arguments:
                self._copy(self.value(part), Place(start, True, 1, 0), part.size)
                start += 8 * part.size
        elif x.op == "python":
            self._python(x, out)
        elif x.op == "events":
            self._events(x, out)
        elif x.op == "inverse":
            self._inverses(x, out)
        else:
            raise TypeError(f"no instruction for {x.op}")
        return out

    def _events(self, x: Expression, out: Place) -> None:
        """Log densities of vectors or matrices; parameters shared by all events are prepared once."""
        family, value = x.extra, x.arguments[0]
        event = value.shape[value.ndim - family.event_ndim :]
        size = int(np.prod(event, dtype=int))
        places = [self._dense(self._each(value, (*x.shape, *event)))]
        for a, p in zip(x.arguments[1:], family.parameters, strict=True):
            own = a.shape[a.ndim - p.event_ndim :]
            one = int(np.prod(own, dtype=int))
            shared = a.size == one
            place = self._dense(a if shared else self._each(a, (*x.shape, *own)))
            places.append(Place(place.address, place.relative, 0 if shared else one, 0))
        places += [Place(out.address, out.relative, 0, 0)] * (4 - len(places))
        self.kept.append(family)
        work = 8 * self._scratch(work_size(event[-1]))
        at = self._emit(
            machine.EVENTS, max(x.size, 1), out, places, [family.event_density.address, event[-1], work, size]
        )
        self.relative[at][EXTRA + 2] = 1

    def _inverses(self, x: Expression, out: Place) -> None:
        """Inverses of a stack of matrices."""
        d = x.shape[-1]
        extra = [d, int(x.extra), 8 * self._scratch(d * d + d), machine.INVERSES.address]
        at = self._emit(machine.INVERSE, x.size // (d * d), out, [self._dense(x.arguments[0])], extra)
        self.relative[at][EXTRA + 2] = 1

    def _each(self, x: Expression, shape: tuple[int, ...]) -> Expression:
        return x if x.shape == shape else _broadcast(x, shape)

    def _dense(self, x: Expression) -> Place:
        """A place where every element stands, also when all are equal."""
        place = self.value(x)
        if place.step == 1 or x.size == 1:
            return place
        return self._moved(place, x)

    def _moved(self, place: Place, x: Expression) -> Place:
        out = Place(8 * self._scratch(max(x.size, 1)), True, 1, 0)
        self._copy(place, out, x.size)
        return out

    def _copy(self, source: Place, target: Place, n: int) -> None:
        if (source.address, source.relative) != (target.address, target.relative):
            self._emit(machine.COPY, max(n, 1), target, [Place(source.address, source.relative, source.step, 0)])

    def _python(self, x: Expression, out: Place) -> None:
        arguments: list[tuple[int, bool, np.ndarray | None, tuple[int, ...], str]] = []
        for a in x.arguments:
            if a.is_constant:
                arguments.append((0, False, np.asarray(a.known), a.shape, a.kind))
            else:
                arguments.append((self._dense(a).address // 8, True, None, a.shape, a.kind))
        function, label = x.extra
        at = self._emit(machine.PYTHON, 0, out)
        self.python.append(PythonCall(at, function, label, arguments, out.address // 8, x.size))

    # ---------------------------------------------------------------- streams over many rows

    def _streams(self, x: Expression) -> bool:
        return (
            self.streaming is None
            and self.tile_rows is None
            and x.ndim == 1
            and x.size > STREAMED_FROM
            and row_by_row(x)
        )

    def _scattered(self, x: Expression) -> Place:
        values, index = x.arguments
        shape = np.broadcast_shapes(values.shape, index.shape)
        long = values if values.shape == shape else index
        if self._streams(long) and all(a.size == 1 or row_by_row(a) for a in x.arguments):
            return self._streamed(x, values, index)
        out = self._register(x)
        self._fill(out, x.size)
        operands = [self._spread(a, shape) for a in (values, index)]
        self._emit(machine.SCATTER, int(np.prod(shape, dtype=int)), out, operands, [x.size])
        return out

    def _fill(self, out: Place, n: int) -> None:
        zero = self._constant(constant(0.0))
        self._emit(machine.FILL, max(n, 1), out, [zero])

    def _by_label(self, x: Expression) -> Place:
        """Sums over stretches of rows, where the program runs for one element at a time: its label and its stretch."""
        slot, values = x.extra
        labels = np.array(values, dtype=float)
        self.kept.append(labels)
        here = Place(8 * self.layout.place(slot.extra, 1), True, 0, 0)
        self._emit(machine.COPY, 1, here, [Place(address_of(labels), False, 0, 8)])
        bounds = x.arguments[1] if len(x.arguments) > 1 else None
        return self._streamed(constant(0.0), x.arguments[0], None, bounds)

    def _stretch(self, x: Expression, bounds: Expression | None) -> list[Place]:
        """Where the first row and the end of a stretch stand; nothing for all rows."""
        if bounds is None:
            return []
        start = 8 * self.layout.places[bounds.extra][0]
        return [Place(start + 8 * x.extra, True, 0, 0) if x.op == "of label" else Place(start, True, 0, 8)]

    def _streamed(
        self, x: Expression, values: Expression, index: Expression | None, bounds: Expression | None = None
    ) -> Place:
        """A sum or scatter of long rows, or of a stretch of them, tile by tile."""
        rows = values.size if values.size > 1 else (index.size if index is not None else 1)
        out = Place(8 * self._scratch(max(x.size, 1)), True, 1 if x.size > 1 else 0, 0)
        self._fill(out, x.size)
        # What rows share is computed once, ahead of the loop.
        for part in _not_rows([values] + ([index] if index is not None else []), (rows,)):
            self.value(part)
        before, self.found, self.streaming = self.found, dict(self.found), rows
        for known in [k for k in self.found if k.shape == (rows,)]:
            self.found[known] = _by_row(self.found[known])
        loop = self._emit(machine.ROWS, rows, out, self._stretch(x, bounds))
        operands = [self.value(values)] + ([self.value(index)] if index is not None else [])
        # One tile at a time stays in the cache, whatever the number of rows.
        self._emit(machine.SUM_INTO if index is None else machine.SCATTER, TILED, out, operands, [x.size])
        self.rows[loop][EXTRA] = len(self.rows) - loop - 1
        self.found, self.streaming = before, None
        return out


def numbers_of(value: Any) -> np.ndarray:
    """A constant's numbers as programs read them: equal ones stand once."""
    array = shared_doubles(np.asarray(value))
    return array.reshape(-1)[:1].copy() if array.size and (array == array.ravel()[0]).all() else array


SCRATCH = 1 << 40  # offsets from here on count in the shared scratch, which `finished` puts behind the values


def finished(program: Program, layout: Layout) -> Program:
    """Move scratch offsets behind the last place of the finished layout."""
    shift = 8 * (layout.size - SCRATCH)
    moved = (program.relative == 1) & (program.code >= 8 * SCRATCH)
    program.code[moved] += shift
    program.outputs = [o + layout.size - SCRATCH if o >= SCRATCH else o for o in program.outputs]
    for call in program.python:
        call.output += layout.size - SCRATCH if call.output >= SCRATCH else 0
        call.arguments = [
            (o + layout.size - SCRATCH if o >= SCRATCH else o, r, k, s, t) for o, r, k, s, t in call.arguments
        ]
    return program


def _by_row(place: Place) -> Place:
    return Place(place.address, place.relative, place.step, 8 * place.step)


def _not_rows(expressions: Sequence[Expression], shape: tuple[int, ...]) -> list[Expression]:
    """What the rows need that is not itself per row: to be computed before the loop."""
    found: dict[Expression, None] = {}
    seen, waiting = set[Expression](), [(x, x.shape == shape) for x in reversed(expressions)]
    while waiting:
        part, is_row = waiting.pop()
        if not is_row:
            found[part] = None
        elif part not in seen:
            seen.add(part)
            own = [(a, a.shape == shape and not (part.op == "take" and i == 0)) for i, a in enumerate(part.arguments)]
            waiting += reversed(own)
    return list(found)


def _broadcast(x: Expression, shape: tuple[int, ...]) -> Expression:
    from mcmix.structure.expression import gather

    return gather(x, np.broadcast_to(np.arange(x.size).reshape(x.shape), shape).copy())


__all__ = ["ADDRESSES", "Compiler", "finished", "numbers_of"]

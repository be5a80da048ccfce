"""A small machine that evaluates recorded functions over arrays: the reason why nothing is compiled per model.

A program is a matrix of whole numbers, one instruction a row: operation, count, output and up to four operands.
An operand is (address, step between elements, bytes to advance per row); the last serves programs that run over tiles
of rows or over one element of a vector. `mcmix.structure.expression` names the operations and holds their NumPy twins.
"""

from __future__ import annotations

import math

import numpy as np

from mcmix.kernels.base import AddressedKernel, call, floats, helper, inline, integers
from mcmix.kernels.events import positive_inverse
from mcmix.kernels.special import digamma, log_normal_cdf, normal_cdf, scaled_bessel_0, scaled_bessel_1

WIDTH = 20
TILE = 256
TILED = -1  # as a count: as many elements as the tile has

OP, COUNT, OUT, OUT_ROW, A, B, C, D, EXTRA = 0, 1, 2, 3, 4, 7, 10, 13, 16

# Control and memory
COPY, FILL, TAKE, SCATTER, SUM_INTO, REDUCE, MATMUL, CUMSUM, DENSITY, ROWS, PYTHON, EVENTS, INVERSE, RARE = range(14)
# Arithmetic with loops of its own
ADD, SUBTRACT, MULTIPLY, DIVIDE, WHERE = range(20, 25)
# One-argument functions
UNARY = 40
(NEGATIVE, ABSOLUTE, EXP, LOG, SQRT, SQUARE, RECIPROCAL, LOG1P, EXPM1, SIN, COS, TAN, TANH, ARCTAN, SINH, COSH, FLOOR,
 CEIL, SIGN, GAMMALN, EXPIT, LOGIT, NOT, LOG2, LOG10, ARCSIN, ARCCOS, ERF, RINT,
 TRUNC, NDTR, LOG_NDTR, DIGAMMA, I0E, I1E) = range(UNARY, UNARY + 35)  # fmt: skip
# Two-argument functions
BINARY = 80
(POWER, MAXIMUM, MINIMUM, REMAINDER, FLOOR_DIVIDE, ARCTAN2, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL,
 AND, OR, XLOGY, LOGADDEXP) = range(BINARY, BINARY + 16)  # fmt: skip

# Functions that few models call: an instruction names the kernel of all of them, which is compiled where one is used
RARELY_USED = frozenset({
    SIN, COS, TAN, TANH, ARCTAN, SINH, COSH, FLOOR, CEIL, LOG2, LOG10, ARCSIN, ARCCOS, ERF, RINT, TRUNC, NDTR, LOG_NDTR,
    GAMMALN, LOGIT, EXPM1, DIGAMMA, I0E, I1E, REMAINDER, FLOOR_DIVIDE, ARCTAN2, XLOGY, LOGADDEXP,
})  # fmt: skip

# Kinds of REDUCE
BY_SUM, BY_PROD, BY_MAX, BY_MIN = range(4)

OK, BAD_INDEX, PYTHON_FAILED = 0, 1, 2


@inline
def _unary(op, x):
    """One-argument functions, by number."""
    if op == EXP:
        return math.exp(x)
    if op == LOG:
        return math.log(x) if x > 0.0 else (-math.inf if x == 0.0 else math.nan)
    if op == SQRT:
        return math.sqrt(x)
    if op == SQUARE:
        return x * x
    if op == RECIPROCAL:
        return 1.0 / x
    if op == NEGATIVE:
        return -x
    if op == ABSOLUTE:
        return abs(x)
    if op == LOG1P:
        return math.log1p(x)
    if op == EXPIT:
        return 1.0 / (1.0 + math.exp(-x))
    if op == NOT:
        return 1.0 if x == 0.0 else 0.0
    if op == SIGN:
        return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x * 0.0 if x == x else x)
    return math.nan


@inline
def _rarer_unary(op, x):
    """One-argument functions that few models call."""
    if op == GAMMALN:
        return math.lgamma(x)
    if op == EXPM1:
        return math.expm1(x)
    if op == LOGIT:
        return math.log(x) - math.log1p(-x)
    if op == SIN:
        return math.sin(x)
    if op == COS:
        return math.cos(x)
    if op == TAN:
        return math.tan(x)
    if op == TANH:
        return math.tanh(x)
    if op == ARCTAN:
        return math.atan(x)
    if op == SINH:
        return math.sinh(x)
    if op == COSH:
        return math.cosh(x)
    if op == FLOOR:
        return float(np.floor(x))
    if op == CEIL:
        return float(np.ceil(x))
    if op == LOG2:
        return math.log(x) / math.log(2.0)
    if op == LOG10:
        return math.log10(x)
    if op == ARCSIN:
        return math.asin(x)
    if op == ARCCOS:
        return math.acos(x)
    if op == ERF:
        return math.erf(x)
    if op == RINT:
        return float(np.rint(x))
    if op == TRUNC:
        return float(np.trunc(x))
    if op == NDTR:
        return normal_cdf(x)
    if op == LOG_NDTR:
        return log_normal_cdf(x)
    if op == DIGAMMA:
        return digamma(x)
    if op == I0E:
        return scaled_bessel_0(x)
    if op == I1E:
        return scaled_bessel_1(x)
    return math.nan


@inline
def _floor_divide(x, y):
    """Floor of x / y as NumPy takes it: from the remainder, so that it fits it."""
    if y == 0.0:
        return x / y
    rest = np.fmod(x, y)
    quotient = (x - rest) / y
    if rest != 0.0 and (rest < 0.0) != (y < 0.0):
        quotient -= 1.0
    floor = float(np.floor(quotient))
    return floor + 1.0 if quotient - floor > 0.5 else floor


@inline
def _binary(op, x, y):
    """Two-argument functions, by number; comparisons answer 1.0 or 0.0."""
    if op == POWER:
        return x * x if y == 2.0 else (1.0 / (x * x) if y == -2.0 else x**y)
    if op == MAXIMUM:
        return x if (x >= y or x != x) else y
    if op == MINIMUM:
        return x if (x <= y or x != x) else y
    if op == LESS:
        return 1.0 if x < y else 0.0
    if op == LESS_EQUAL:
        return 1.0 if x <= y else 0.0
    if op == GREATER:
        return 1.0 if x > y else 0.0
    if op == GREATER_EQUAL:
        return 1.0 if x >= y else 0.0
    if op == EQUAL:
        return 1.0 if x == y else 0.0
    if op == NOT_EQUAL:
        return 1.0 if x != y else 0.0
    if op == AND:
        return 1.0 if x != 0.0 and y != 0.0 else 0.0
    if op == OR:
        return 1.0 if x != 0.0 or y != 0.0 else 0.0
    return math.nan


@inline
def _rarer_binary(op, x, y):
    """Two-argument functions that few models call."""
    if op == XLOGY:
        return 0.0 if x == 0.0 and y == y else x * math.log(y)
    if op == FLOOR_DIVIDE:
        return _floor_divide(x, y)
    if op == REMAINDER:
        rest = np.fmod(x, y)
        return rest + y if rest != 0.0 and (rest < 0.0) != (y < 0.0) else rest
    if op == ARCTAN2:
        return math.atan2(x, y)
    if op == LOGADDEXP:
        if x == y:
            return x + math.log(2.0)
        return x + math.log1p(math.exp(y - x)) if x > y else y + math.log1p(math.exp(x - y))
    return math.nan


def rare_functions(op, n, out, a, a_step, b, b_step):
    """An elementwise function that few models call, by number, over n elements at addresses."""
    result, x = floats(out, n), floats(a, 1 + (n - 1) * a_step)
    if op >= BINARY:
        y = floats(b, 1 + (n - 1) * b_step)
        for i in range(n):
            result[i] = _rarer_binary(op, x[i * a_step], y[i * b_step])
    else:
        for i in range(n):
            result[i] = _rarer_unary(op, x[i * a_step])
    return OK


def inverses(n, d, out, x, from_factors, work):
    """Inverses of n positive definite matrices at addresses."""
    answers, given, space = floats(out, n * d * d), floats(x, n * d * d), floats(work, d * d + d)
    for k in range(n):
        positive_inverse(given[k * d * d :], from_factors != 0, answers[k * d * d :], space, d)
    return OK


@inline
def _operand(instruction, slot, row, n):
    """The array behind an operand, from the tile's first row on."""
    step = instruction[slot + 1]
    return floats(instruction[slot] + row * instruction[slot + 2], 1 + (n - 1) * step)


@inline
def _reduce(kind, out, x, outer, length, inner):
    """Reduce the middle axis of x, shape (outer, length, inner), into out, shape (outer, inner)."""
    for i in range(outer):
        for k in range(inner):
            total = x[(i * length) * inner + k]
            for j in range(1, length):
                value = x[(i * length + j) * inner + k]
                if kind == BY_SUM:
                    total += value
                elif kind == BY_PROD:
                    total *= value
                elif kind == BY_MAX:
                    total = value if (value > total or value != value) else total
                else:
                    total = value if (value < total or value != value) else total
            out[i * inner + k] = total


@helper({"contract", "reassoc", "nsz"})
def _sum(x, step, n):
    """Sum of elements; of neighbours several at a time, in an order that their number alone decides."""
    total = 0.0
    if step == 1:
        for i in range(n):
            total += x[i]
    else:
        for i in range(n):
            total += x[i * step]
    return total


@inline
def _move(op, instruction, out, n, row):
    """Instructions that move, gather, scatter and reduce."""
    a = _operand(instruction, A, row, n)
    a_step = instruction[A + 1]
    if op == COPY:
        for i in range(n):
            out[i] = a[i * a_step]
    elif op == FILL:
        for i in range(n):
            out[i] = a[0]
    elif op == SUM_INTO:
        out[0] += _sum(a, a_step, n)
    elif op == TAKE:
        size = instruction[EXTRA]
        table = floats(instruction[A] + row * instruction[A + 2], size)
        index = _operand(instruction, B, row, n)
        for i in range(n):
            k = int(index[i * instruction[B + 1]])
            if k < 0 or k >= size:
                return BAD_INDEX
            out[i] = table[k]
    elif op == SCATTER:
        size = instruction[EXTRA]
        index = _operand(instruction, B, row, n)
        into = floats(instruction[OUT], size)
        for i in range(n):
            k = int(index[i * instruction[B + 1]])
            if k < 0 or k >= size:
                return BAD_INDEX
            into[k] += a[i * a_step]
    return OK


@inline
def _whole(op, instruction, row, n):
    """Instructions over whole arrays whose sizes stand in the extra columns."""
    outer, length, inner = instruction[EXTRA], instruction[EXTRA + 1], instruction[EXTRA + 2]
    if op == REDUCE:
        _reduce(
            n,
            floats(instruction[OUT], outer * inner),
            floats(instruction[A], outer * length * inner),
            outer,
            length,
            inner,
        )
    elif op == CUMSUM:
        out, x = floats(instruction[OUT], outer * length * inner), floats(instruction[A], outer * length * inner)
        for i in range(outer):
            for k in range(inner):
                total = 0.0
                for j in range(length):
                    total += x[(i * length + j) * inner + k]
                    out[(i * length + j) * inner + k] = total
    elif op == MATMUL:
        out = floats(instruction[OUT], outer * inner)
        x, y = floats(instruction[A], outer * length), floats(instruction[B], length * inner)
        for i in range(outer):
            for k in range(inner):
                total = 0.0
                for j in range(length):
                    total += x[i * length + j] * y[j * inner + k]
                out[i * inner + k] = total
    elif op == EVENTS:
        return _events(instruction, n)
    elif op == INVERSE:
        given = (n, outer, instruction[OUT], instruction[A], instruction[EXTRA + 1], instruction[EXTRA + 2])
        return call(instruction[EXTRA + 3], given)
    elif op == PYTHON:
        return PYTHON_FAILED if call(instruction[EXTRA], ()) != 0 else OK
    return OK


@inline
def _events(instruction, n):
    """Log densities of vectors or matrices. Extra: kernel, dimension, workspace, doubles of one event."""
    out = floats(instruction[OUT], n)
    for i in range(n):
        out[i] = 0.0
    return call(
        instruction[EXTRA],
        (
            instruction[OUT],
            n,
            instruction[EXTRA + 1],
            instruction[EXTRA + 3],
            instruction[EXTRA + 2],
            instruction[A],
            instruction[B],
            instruction[B + 1],
            instruction[C],
            instruction[C + 1],
            instruction[D],
            instruction[D + 1],
        ),
    )


@inline
def _rare(instruction, n, row):
    """Elementwise functions that few models call. Extra: kernel, which function."""
    return call(
        instruction[EXTRA],
        (
            instruction[EXTRA + 1],
            n,
            instruction[OUT] + row * instruction[OUT_ROW],
            instruction[A] + row * instruction[A + 2],
            instruction[A + 1],
            instruction[B] + row * instruction[B + 2],
            instruction[B + 1],
        ),
    )


@inline
def _density(instruction, out, n, row):
    """Log densities of a under parameters b, c, d, by the family's own kernel."""
    for i in range(n):
        out[i] = 0.0
    return call(
        instruction[EXTRA],
        (
            instruction[OUT] + row * instruction[OUT_ROW],
            n,
            instruction[A] + row * instruction[A + 2],
            instruction[A + 1],
            instruction[B] + row * instruction[B + 2],
            instruction[B + 1],
            instruction[C] + row * instruction[C + 2],
            instruction[C + 1],
            instruction[D] + row * instruction[D + 2],
            instruction[D + 1],
        ),
    )


@inline
def _arithmetic(op, instruction, out, n, row):
    """Elementwise functions."""
    a = _operand(instruction, A, row, n)
    b = _operand(instruction, B, row, n)
    a_step, b_step = instruction[A + 1], instruction[B + 1]
    if op == MULTIPLY:
        for i in range(n):
            out[i] = a[i * a_step] * b[i * b_step]
    elif op == ADD:
        for i in range(n):
            out[i] = a[i * a_step] + b[i * b_step]
    elif op == SUBTRACT:
        for i in range(n):
            out[i] = a[i * a_step] - b[i * b_step]
    elif op == DIVIDE:
        for i in range(n):
            out[i] = a[i * a_step] / b[i * b_step]
    elif op == WHERE:
        c = _operand(instruction, C, row, n)
        for i in range(n):
            out[i] = b[i * b_step] if a[i * a_step] != 0.0 else c[i * instruction[C + 1]]
    elif op >= BINARY:
        for i in range(n):
            out[i] = _binary(op, a[i * a_step], b[i * b_step])
    else:
        for i in range(n):
            out[i] = _unary(op, a[i * a_step])


@inline
def _execute(instruction, row, tile):
    """Run one instruction on the tile that starts at `row`."""
    op = instruction[OP]
    n = instruction[COUNT]
    if n == TILED:
        n = tile
    if op == REDUCE or op == CUMSUM or op == MATMUL or op == PYTHON or op == EVENTS or op == INVERSE:
        return _whole(op, instruction, row, n)
    out = floats(instruction[OUT] + row * instruction[OUT_ROW], n)
    if op >= ADD:
        _arithmetic(op, instruction, out, n, row)
        return OK
    if op == DENSITY:
        return _density(instruction, out, n, row)
    if op == RARE:
        return _rare(instruction, n, row)
    return _move(op, instruction, out, n, row)


def run_program(program, n_instructions, row, tile):
    """Evaluate a program for `tile` rows (or elements) from `row` on; ROWS instructions loop over tiles of their own.

    Returns
    -------
    int
        OK, BAD_INDEX or PYTHON_FAILED.
    """
    j = 0
    while j < n_instructions:
        instruction = integers_at(program, j)
        in_tiles = instruction[OP] == ROWS
        first, last = (j + 1, j + 1 + instruction[EXTRA]) if in_tiles else (j, j + 1)
        start, end = (0, instruction[COUNT]) if in_tiles else (row, row + 1)
        if in_tiles and instruction[A] != 0:  # a stretch of the rows
            bounds = floats(instruction[A] + row * instruction[A + 2], 2)
            start, end = int(bounds[0]), int(bounds[1])
        while start < end:  # one place alone that executes: what stands there is most of what is compiled
            for i in range(first, last):
                status = _execute(integers_at(program, i), start, min(TILE, end - start) if in_tiles else tile)
                if status != OK:
                    return status
            start += TILE
        j = last
    return OK


@inline
def integers_at(program, j):
    """Instruction j of a program."""
    from_words = integers(program + 8 * WIDTH * j, WIDTH)
    return from_words


MACHINE = AddressedKernel(run_program, 4)
RARE_FUNCTIONS = AddressedKernel(rare_functions, 7)
INVERSES = AddressedKernel(inverses, 6)  # told in an instruction beside dimension, whether by factors, workspace

"""The densities of a tile of rows under every label, and the records that tell a pass what to do.

Factors add log densities into a scratch of shape (K, TILE): by a family's kernel, by a program of the machine, or for
rows of vectors. Addresses are absolute, 0 where absent; `mcmix.steps.labels` fills records in.
"""

from __future__ import annotations

from mcmix.kernels.base import bits_of, call, double_of, floats, helper, inline
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import STEP, record, record_in, width

# The prelude, a program; K labels from the lowest value up, of so many units, and where they go; addresses of log
# weights, factors, random streams and workspace; the kernels of the labels' distribution (`ahead` is 0 where tiles need
# no first look in their order) and its own record; accumulators; where numbers of units, log densities of units and
# label probabilities go; whether anything is collected; addresses of the power of a soft pass and of the units that
# count in it; so many factors come first and count a temperature; a soft pass over independent labels may look at
# every so-manieth tile alone (0: at all). A pass over a part of the rows begins at a unit (`begin`, that of a tile) and
# ends at `units`; one that is shared out in parts calls `parts` with what it is (DRAW, COUNT, WEIGH) in the place of
# going over rows itself.
PASS = record(
    *STEP, "prelude", "prelude_length", "units", "labels", "log_weights", "out", "lowest", "factors", "n_factors",
    "streams", "workspace", "ahead", "draw", "expect", "distribution", "accumulators", "n_accumulators", "counts",
    "unit_logs", "memberships", "collect", "power", "active", "tempered", "temperature", "every", "begin", "parts",
)  # fmt: skip

DRAW, COUNT, WEIGH = range(3)

# Kernels of its kind (`row_factors`): `weigh` adds log densities of a tile under every label, with `soft` as a fifth
# argument; `prepare` is called once a pass, `load`, `complete` and `expect_gaps` where coordinates are missing (0:
# nothing to do).
# By a family's density: values and three parameters, with the steps from label to label. By a program: where it reads
# its component and leaves results. Vectors: values column by column, means, matrices (by what they are) and the shift
# as parameters, where they are whitened, missing coordinates. Few values: which of them each row has, how many there
# are, and their log densities under every label. Units of rows, and where each unit's rows start. Where
# cells' counts and columns' sums go, and how a row's cell is made from its label, known groups and another label.
FACTOR = record(
    "weigh", "prepare", "load", "complete", "density", "x", "first", "first_step", "second", "second_step", "third",
    "third_step", "program", "length", "component", "result", "units", "offsets", "columns", "n_columns", "counts",
    "cells", "stride", "groups", "other", "other_stride", "other_lowest", "dimension", "rows", "whitened", "by", "gaps",
    "expect_gaps", "numbers", "n_values", "table",
)  # fmt: skip
FACTOR_WIDTH = width(FACTOR)
PARAMETERS = ("first", "second", "third")

COLUMN = record("values", "shift", "sums", "squares")  # of a statistic; squares may be absent

# What a pass adds up, each by three kernels (0: nothing to finish) and by what they are told of it beside the pass:
# ``add(told, pass, first, m)`` for m units of known labels, ``add_weighted(...)`` for their responsibilities,
# ``finish(told)`` at the end. The stretch of memory that it adds to is zeroed before a pass.
ACCUMULATOR = record("add", "add_weighted", "finish", "told", "stretch", "length")

# Lanes of a tile after the K rows of the scratch. A kernel of the labels' distribution reads uniforms and writes labels
# (numbers 0 .. K-1), or turns the scratch into responsibilities and writes the units' highest log density and total.
UNIFORMS, LABEL, CELL, SPARE = 1, 2, 3, 4
HIGHEST, TOTAL = 1, 2
WORKSPACE_ROWS = 7  # besides the K rows of the scratch

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_MAGIC = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number kept in the low bits


def workspace_size(n_labels: int) -> int:
    """Doubles of workspace that a pass over n_labels needs."""
    return (n_labels + WORKSPACE_ROWS) * TILE


@inline
def exp_of_nonpositive(x):
    """Exponential for x <= 0, to 1e-14, in plain arithmetic that vectorises; about 1e-308 below -708; NaN stays NaN."""
    x = -708.0 if x < -708.0 else x
    shifted = x * _LOG2_E + _MAGIC
    whole = shifted - _MAGIC
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    # exp(x) = 2**n exp(r) with |r| <= log(2) / 2, and exp(r) by its series; log(2) is subtracted in two parts, so that
    # r keeps its digits.
    p = 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * double_of((bits_of(shifted) << 52) + 0x3FF0000000000000)


@inline
def lane(task, number):
    """Memory for one number a unit of the tile, and whatever comes behind it in the workspace."""
    place = task.workspace + 8 * TILE * (task.labels + number)
    return floats(place, TILE * (WORKSPACE_ROWS - number))


@inline
def scratch_of(task):
    """Log densities of the tile's units under each label, shape (K, TILE), flat; later their responsibilities."""
    return floats(task.workspace, (task.labels + WORKSPACE_ROWS) * TILE)


@inline
def address_of_factor(task, j):
    """Where factor j's record is: what its kernels are told."""
    return task.factors + 8 * FACTOR_WIDTH * j


@inline
def prepare(task, words):
    """What factors need once a pass."""
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.prepare != 0:
            call(factor.prepare, (address_of_factor(task, j), words, 0, 0))


@inline
def load(task, words, first, m):
    """Bring a tile's rows with missing coordinates to where they are read, filled by what was drawn."""
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.load != 0:
            call(factor.load, (address_of_factor(task, j), words, first, m))


@inline
def has_gaps(task):
    """Whether some factor's rows have missing coordinates: a tile of these is loaded to be read."""
    found = False
    for j in range(task.n_factors):
        found = found or record_in(task.factors, j, FACTOR).load != 0
    return found


@helper({"contract"})
def tile_logs(task, words, scratch, first_unit, m, soft):
    """Unnormalised log probabilities of every label for the units of a tile: scratch, shape (K, TILE).

    `soft` is 1 in a soft pass, which integrates missing coordinates out; the hard pass does where a factor says so. Not
    inlined: it is compiled once for all passes.
    """
    n_labels, tempered = task.labels, task.tempered
    weights = floats(task.log_weights, n_labels)
    for k in range(n_labels):
        start = weights[k] if task.log_weights != 0 and tempered == 0 else 0.0
        for i in range(m):
            scratch[k * TILE + i] = start
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        status = call(factor.weigh, (address_of_factor(task, j), words, first_unit, m, soft))
        if status != 0:
            return status
        if j + 1 == tempered:
            _cool(task, weights, scratch, m)
    return 0


@inline
def _cool(task, weights, scratch, m):
    """Let what the first factors said count the power of a tempered chain, and add the labels' own weights."""
    power = floats(task.temperature, 1)[0]
    for k in range(task.labels):
        start = weights[k] if task.log_weights != 0 else 0.0
        for i in range(m):
            # Only the likelihood counts the power; the labels' prior is that of the model at every level.
            scratch[k * TILE + i] = start + power * scratch[k * TILE + i]

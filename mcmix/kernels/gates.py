"""Coefficients of weights by row: one class after another, normal given Polya-Gamma numbers of the rows."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.coefficients import draw_block
from mcmix.kernels.polya_gamma import polya_gamma
from mcmix.kernels.random import standard_normal
from mcmix.kernels.records import RUN, record, record_at

# The program is that of the prior: precision and linear part of each coefficient. Coefficients stand class by class,
# those of class k from starts[k] to starts[k + 1]; design (rows, coefficients) and offsets (rows, classes, or absent)
# are known; targets say where coefficients stand in the chain's memory; labels and their lowest value; whether all
# classes have the same design, so that what is added to all of them changes no weight.
GATE = record(
    *RUN, "rows", "classes", "coefficients", "starts", "design", "offsets", "precision", "linear", "targets", "labels",
    "lowest", "shifted", "workspace",
)  # fmt: skip


@inline
def _predictor(task, i, k):
    """Linear predictor of class k in row i."""
    m = task.coefficients
    starts, targets = integers(task.starts, task.classes + 1), integers(task.targets, m)
    row = floats(task.design + 8 * i * m, m)
    total = floats(task.offsets + 8 * i * task.classes, task.classes)[k] if task.offsets != 0 else 0.0
    for e in range(starts[k], starts[k + 1]):
        total += row[e] * floats(targets[e], 1)[0]
    return total


@inline
def _rest(task, i, k):
    """Log of the sum of all other classes' exponentials."""
    highest, total = -math.inf, 0.0
    for j in range(task.classes):
        if j != k:
            x = _predictor(task, i, j)
            if x > highest:
                total = total * math.exp(highest - x) + 1.0 if highest > -math.inf else 1.0
                highest = x
            else:
                total += math.exp(x - highest)
    return highest + math.log(total)


@inline
def _add_rows(task, k, matrix, linear, stream):
    """Add all rows to the prior's precision matrix and linear part of class k.

    Against the rest of the classes a row is logistic, with predictor psi = x'v + offset - rest (Polson, Scott and
    Windle 2013, section 6.3, after Holmes and Held 2006): precision omega x x', linear part
    (kappa - omega (offset - rest)) x.
    """
    starts = integers(task.starts, task.classes + 1)
    first, d = starts[k], starts[k + 1] - starts[k]
    labels = floats(task.labels, task.rows)
    for i in range(task.rows):
        design = floats(task.design + 8 * (i * task.coefficients + first), d)
        offset = floats(task.offsets + 8 * i * task.classes, task.classes)[k] if task.offsets != 0 else 0.0
        rest = _rest(task, i, k)
        omega = polya_gamma(stream, _predictor(task, i, k) - rest)
        kappa = 0.5 if labels[i] - task.lowest == k else -0.5
        said = kappa - omega * (offset - rest)
        for a in range(d):
            linear[a] += said * design[a]
            for b in range(a):
                matrix[a * d + b] += omega * design[a] * design[b]
            matrix[a * d + a] += omega * design[a] * design[a]


@inline
def _shift(task, stream):
    """Draw what is added to a coefficient of all classes, which leaves all weights as they are, from the priors.

    Without it the sum of a coefficient over classes, of which only the priors speak, would move slowly.
    """
    starts, targets = integers(task.starts, task.classes + 1), integers(task.targets, task.coefficients)
    precision, linear = floats(task.precision, task.coefficients), floats(task.linear, task.coefficients)
    for e in range(starts[1]):
        total, said = 0.0, 0.0
        for k in range(task.classes):
            at = starts[k] + e
            total += precision[at]
            said += linear[at] - precision[at] * floats(targets[at], 1)[0]
        if total > 0.0:
            added = said / total + standard_normal(stream) / math.sqrt(total)
            for k in range(task.classes):
                floats(targets[starts[k] + e], 1)[0] += added


@step_of(GATE)
def draw_gate(words, reals, stream):
    """Draw the coefficients of one class after another, given labels and the other classes' coefficients."""
    task = record_at(words, GATE)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    starts, targets = integers(task.starts, task.classes + 1), integers(task.targets, task.coefficients)
    precision, prior = floats(task.precision, task.coefficients), floats(task.linear, task.coefficients)
    for k in range(task.classes):
        first, d = starts[k], starts[k + 1] - starts[k]
        if d == 0:
            continue
        matrix, factor = floats(task.workspace, d * d), floats(task.workspace + 8 * d * d, d * d)
        linear = floats(task.workspace + 16 * d * d, d)
        for a in range(d):
            for b in range(d):
                matrix[a * d + b] = 0.0
            matrix[a * d + a], linear[a] = precision[first + a], prior[first + a]
        _add_rows(task, k, matrix, linear, stream)
        status = draw_block(matrix, linear, factor, d, stream)
        if status != 0:
            return status
        for a in range(d):
            floats(targets[first + a], 1)[0] = linear[a]
    if task.shifted != 0:
        _shift(task, stream)
    return 0


__all__ = ["GATE", "draw_gate"]

"""A new compiled step as somebody else would add one: this file alone, its row put in front of the table.

Where a conditional is normal, the new value lies on the other side of its mean: over-relaxation (Adler 1981,
"Over-relaxation method for the Monte Carlo evaluation of the partition function", Physical Review D 23), which leaves
the conditional as it is.
"""

import math

import numpy as np
import pytest

import mcmix as mc
import mcmix.testing
from mcmix.kernels.base import call, floats, step_of
from mcmix.kernels.random import standard_normal
from mcmix.kernels.records import RUN, record, record_at
from mcmix.steps import table
from mcmix.steps.base import Step, kernel_call
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.expression import constant

KEPT = -0.9  # correlation of the new distance from the mean with the old one


TASK = record(*RUN, "count", "precision", "weighted", "variable")


@step_of(TASK)
def overrelax(words, reals, stream):
    """x' = m + a (x - m) + sqrt((1 - a^2) / p) e, where the conditional is N(m, 1 / p)."""
    task = record_at(words, TASK)
    if task.length > 0:
        status = call(task.machine, (task.program, task.length, 0, 1))
        if status != 0:
            return status
    n = task.count
    precision, weighted, x = floats(task.precision, n), floats(task.weighted, n), floats(task.variable, n)
    kept = floats(reals, 1)[0]
    for i in range(n):
        mean = weighted[i] / precision[i]
        x[i] = mean + kept * (x[i] - mean) + math.sqrt((1.0 - kept * kept) / precision[i]) * standard_normal(stream)
    return 0


class OverRelaxation(Step):
    """Over-relaxed draws of normal locations."""

    name = "over-relaxation"

    def compile(self, plan):
        c = conjugate(self.variables[0], plan.structure)
        self.n = c.first.size
        second = c.second if c.second is not None else constant(np.zeros(self.n))
        self.program = plan.compiled([(c.first, ("precision", self)), (second, ("weighted", self))])

    def bind(self, chain):
        bound = chain.bound(self.program)
        fields = dict(zip(("program", "length"), bound.words, strict=True)) | {"count": self.n}
        fields |= {name: chain.address((name, self)) for name in ("precision", "weighted")}
        return [kernel_call(self, overrelax, fields | {"variable": chain.address(self.variables[0])}, np.array([KEPT]))]


def competence(node, structure):
    found = conjugate(node, structure)
    return "normal conditional" if isinstance(found, Conjugate) and found.kind == "normal" else None


@pytest.fixture
def in_the_table(monkeypatch):
    row = table.Row(OverRelaxation, competence, lambda n, s, why: OverRelaxation([n], why))
    monkeypatch.setattr(table, "TABLE", [row, *table.TABLE])


def model():
    mu, tau = mc.Normal("mu", 0, 0.5, size=3), mc.Gamma("tau", 3, 2)
    return mc.Model([mc.Normal("y", mu, tau, value=[0.1, 1.0, -2.0], observed=True), mu, tau])


def test_it_is_chosen_and_leaves_the_joint_distribution_alone(in_the_table):
    assert [s.name for s in mc.MCMC(model()).step_methods] == ["over-relaxation", "conjugate Gibbs"]
    result = mcmix.testing.joint_test(model(), replications=100, false_alarm=1e-6, seed=4)
    assert result.passed, result


def test_it_goes_from_one_side_to_the_other(in_the_table):
    draws = mc.MCMC(model()).sample(5000, 100, seed=5, chains=1, progress_bar=False).trace("mu")[:][:, 0]
    assert np.corrcoef(draws[1:], draws[:-1])[0, 1] < -0.5

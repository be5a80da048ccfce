"""A new family as somebody else would add one: this file alone, nothing in the package touched.

The Rayleigh distribution with a precision: density tau x exp(-tau x^2 / 2) on x >= 0. Its sums, its message to a gamma
prior and its draws are here, and with them it has exact steps, label updates, starts and reports.
"""

import math

import numpy as np

import mcmix as mc
import mcmix.testing
from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Support
from mcmix.distributions.special import plain
from mcmix.nodes.distribution import node_class


def logpdf(x, precision):
    if not 0.0 < precision < math.inf or not x > 0.0:
        return -math.inf
    return math.log(precision) + math.log(x) - 0.5 * precision * x * x


def draw(rng, size, precision):
    return np.asarray(rng.rayleigh(1.0 / np.sqrt(precision), size))


def log_likelihood(sums, parameters):
    """The log of x is left out by sums: a constant of the data."""
    return sums.n * np.log(parameters["precision"]) - 0.5 * parameters["precision"] * sums.squared_distance(0, 0.0)


def message(sums, parameters):
    """Gamma message: the whole count, half the sum of squares."""
    return sums.n, 0.5 * sums.squared_distance(0, 0.0)


RAYLEIGH = Family(
    name="Rayleigh",
    parameters=(Parameter("precision", "positive", alias="tau"),),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    statistics=Statistics(
        columns=(Column(plain, square=True, shifted=False),),
        log_likelihood=log_likelihood,
        messages={"precision": Message("gamma", message)},
    ),
    summary="Rayleigh distribution on x > 0.",
)
Rayleigh = node_class(RAYLEIGH)


def test_its_precision_has_the_closed_posterior():
    x = np.random.default_rng(1).rayleigh(0.5, 40)
    tau = mc.Gamma("tau", 2, 1)
    m = mc.MCMC([Rayleigh("y", tau, value=x, observed=True)])
    assert [s.name for s in m.step_methods] == ["conjugate Gibbs"]
    draws = m.sample(6000, 1000, seed=2, chains=1, progress_bar=False).trace("tau")[:]
    shape, rate = 2 + len(x), 1 + 0.5 * (x**2).sum()
    assert abs(draws.mean() - shape / rate) < 5 * math.sqrt(shape) / rate / math.sqrt(len(draws))
    assert abs(draws.std() - math.sqrt(shape) / rate) < 5 * math.sqrt(shape / 2) / rate / math.sqrt(len(draws))


def test_its_mixtures_get_the_label_update_and_leave_the_joint_distribution_alone():
    w, tau = mc.Dirichlet("w", [2, 1]), mc.Gamma("tau", [2, 3], [1, 4], size=2)
    z = mc.Categorical("z", w, size=5)
    y = Rayleigh("y", tau[z], value=np.ones(5), observed=True)
    m = mc.MCMC([y, z, w, tau])
    assert [s.name for s in m.step_methods] == ["label update", "conjugate Gibbs", "conjugate Gibbs"]
    result = mcmix.testing.joint_test(m.model, replications=40, false_alarm=1e-6, seed=3)
    assert result.passed, result

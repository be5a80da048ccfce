"""Joint tests of what mcmix assigns: a model per kind of step, each with moderate, proper priors."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.testing import joint_test
from tests.harness import levels

ROWS = 8
FAST, SLOW = 20, 600  # replications of a first stage; doubt triples them, twice
ZEROS, POINTS = np.zeros(ROWS), np.zeros((ROWS, 2))


def labels(k=2):
    return mc.Categorical("z", mc.Dirichlet("w", np.full(k, 2.0)), size=ROWS)


def normal_mean_and_precision():
    mu, tau = mc.Normal("mu", 0.0, 0.5, size=2), mc.Gamma("tau", 3.0, 3.0, size=2)
    return mc.Mixture("y", labels(), mc.Normal, mu, tau, value=ZEROS, observed=True)


def normal_gamma_pairs():
    theta = mc.NormalGamma("theta", 0.0, 0.5, 3.0, 3.0, size=2)
    return mc.Mixture("y", labels(), mc.Normal, theta, value=ZEROS, observed=True)


def known_unequal_weights():
    mu = mc.Normal("mu", 0.0, 0.5, size=3)
    return mc.Mixture("y", [0.2, 0.3, 0.5], mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def priors_that_differ():
    mu = mc.Normal("mu", [-0.5, 0.5], [0.5, 1.0])
    return mc.Mixture("y", labels(), mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def nested():
    inner, mu = mc.Dirichlet("v", [2.0, 2.0], size=2), mc.Normal("mu", 0.0, 0.5, size=(2, 2))
    outer = mc.Dirichlet("w", [2.0, 2.0])
    return mc.Mixture("y", outer, mc.Mixture, inner, mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def counts_of_categories():
    p = mc.Dirichlet("p", np.ones(3), size=2)
    return mc.Mixture("y", labels(), mc.Multinomial, 4, p, value=np.tile([4, 0, 0], (ROWS, 1)), observed=True)


def rates():
    rate = mc.Gamma("rate", 2.0, 1.0, size=2)
    return mc.Mixture("y", labels(), mc.Exponential, rate, value=ZEROS + 1.0, observed=True)


def probabilities():
    p = mc.Beta("p", 2.0, 2.0, size=2)
    return mc.Mixture("y", labels(), mc.Binomial, 3, p, value=ZEROS.astype(int), observed=True)


def slice_on_a_scale():
    sd = mc.HalfStudentT("sd", 5.0, 1.0, size=2)
    return mc.Mixture("y", labels(), mc.Normal, np.array([0.0, 2.0]), sd**-2.0, value=ZEROS, observed=True)


def wishart_with_an_unknown_scale():
    above = mc.Wishart("T", 5.0, np.eye(2))
    matrices = mc.Wishart("P", 5.0, above, size=2)
    centres = np.array([[0.0, 0.0], [2.0, 2.0]])
    return mc.Mixture("y", labels(), mc.MvNormal, centres, matrices, value=POINTS, observed=True)


def correlations_and_scales():
    correlation, sd = mc.LKJ("R", 2.0, 2, size=2), mc.HalfStudentT("sd", 5.0, 1.0, size=(2, 2))
    cover = mc.Lambda("cover", lambda R=correlation, s=sd: s[:, :, None] * R * s[:, None, :])
    centres = np.array([[0.0, 0.0], [2.0, 2.0]])
    return mc.Mixture("y", labels(), mc.MvNormalCov, centres, cover, value=POINTS, observed=True)


def inverse_wishart():
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2), size=2)
    cover = mc.InverseWishart("S", 6.0, 2.0 * np.eye(2), size=2)
    return mc.Mixture("y", labels(), mc.MvNormalCov, mu, cover, value=POINTS, observed=True)


MODELS = [
    normal_mean_and_precision, normal_gamma_pairs, known_unequal_weights, priors_that_differ, nested,
    counts_of_categories, rates, probabilities, slice_on_a_scale, wishart_with_an_unknown_scale,
    correlations_and_scales, inverse_wishart,
]  # fmt: skip
TESTS = 2 * len(MODELS)
FALSE_ALARM = levels.each("samplers", TESTS)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_sweeps_leave_the_joint_law_as_it_is(model):
    result = joint_test([model()], replications=FAST, false_alarm=FALSE_ALARM, seed=11)
    assert result.passed, result


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_long(model):
    result = joint_test([model()], replications=SLOW, steps=2, false_alarm=FALSE_ALARM, seed=12)
    assert result.passed, result

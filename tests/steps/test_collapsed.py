"""Labels drawn one by one with weights (and parameters) summed out, and rows that go in one direction."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.steps import allocation, collapsed
from mcmix.testing import joint_test
from tests import ten_units
from tests.harness import levels

SUMMED_OUT, GIVEN = {mc.CollapsedLabels: {}}, {mc.CollapsedLabels: {"given": True}}
ONE_WAY = {mc.NonReversibleLabels: {"pairs": 2}}
FAST = {
    "summed out": ("static", "dynamic", "Dirichlet process"),
    "given": ("dynamic", "Dirichlet process"),
    "one way": ("known number",),
}


def case(name, steps, how):
    return pytest.param(name, steps, id=f"{name}, {how}", marks=() if name in FAST[how] else pytest.mark.slow)


CASES = [
    *(case(name, SUMMED_OUT, "summed out") for name in ten_units.PRIORS),
    *(case(name, GIVEN, "given") for name in ten_units.PRIORS),
    *(case(name, ONE_WAY, "one way") for name in ("static", "known number")),
]


@pytest.mark.parametrize(("name", "steps"), CASES)
def test_all_partitions_of_ten_units(name, steps):
    none = {} if name == "known number" else {mc.SplitMerge: {"tries": 0}}
    m = ten_units.run(name, 31, steps | none)
    ten_units.assert_partitions(m, ten_units.exact(name))


# -------------------------------------------------------------------- faults


def test_a_wrong_ratio_of_coefficients_is_seen(monkeypatch):
    """V_n(t + 1) / V_n(t), too large by a fifth."""
    right = collapsed.collapsed_weights

    def wrong(block, structure, given):
        found = right(block, structure, given)
        object.__setattr__(found, "second", found.second + 0.2 * np.arange(found.second.size))
        return found

    monkeypatch.setattr(collapsed, "collapsed_weights", wrong)
    with pytest.raises(AssertionError):
        ten_units.assert_partitions(ten_units.run("static", 32, SUMMED_OUT), ten_units.exact("static"))


@pytest.mark.parametrize("name", ["known number", "Dirichlet process"])
def test_another_concentration_is_seen(monkeypatch, name):
    right = collapsed.collapsed_weights

    def wrong(block, structure, given):
        found = right(block, structure, given)
        object.__setattr__(found, "first", found.first + 0.3)
        return found

    monkeypatch.setattr(collapsed, "collapsed_weights", wrong)
    with pytest.raises(AssertionError):
        ten_units.assert_partitions(ten_units.run(name, 33, GIVEN), ten_units.exact(name))


def test_another_way_back_is_seen(monkeypatch):
    """Rows that go by another ratio than that of the numbers of rows."""
    right = allocation.concentrations

    def wrong(block, structure):
        nodes, found = right(block, structure)
        return nodes, found + 0.4

    monkeypatch.setattr(allocation, "concentrations", wrong)
    with pytest.raises(AssertionError):
        ten_units.assert_partitions(ten_units.run("known number", 34, ONE_WAY), ten_units.exact("known number"))


# -------------------------------------------------------------------- families, by the joint test

N = 8


def open_labels():
    number = mc.NumberOfComponents("K", (0.3, 0.3, 0.2, 0.2))
    return number, mc.Categorical("z", mc.Dirichlet("w", 1.0, size=number), size=N)


def known_labels():
    return 3, mc.Categorical("z", mc.Dirichlet("w", np.full(3, 0.8)), size=N)


def stick_labels():
    w = mc.StickBreaking("w", mc.Gamma("alpha", 2.0, 2.0), size=4)
    return 4, mc.Categorical("z", w, size=N)


def pairs(number, z):
    tau = mc.Gamma("tau", 3.0, mc.Gamma("g", 2.0, 2.0), size=number)
    mu = mc.Normal("mu", mc.Normal("m", 0.3, 1.0), 0.5 * tau, size=number)
    return mc.Mixture("y", z, mc.Normal, mu, tau, value=np.zeros(N), observed=True)


def vector_pairs(number, z):
    tau = mc.Wishart("tau", 5.0, np.array([[2.0, 0.4], [0.4, 1.0]]), size=number)
    mean = mc.MvNormal("mean", np.array([1.0, -1.0]), 0.5 * tau, size=number)
    return mc.Mixture("y", z, mc.MvNormal, mean, tau, value=np.zeros((N, 2)), observed=True)


def means(number, z):
    mu = mc.Normal("mu", mc.Normal("m", 0.0, 1.0), 0.7, size=number)
    return mc.Normal("y", mu[z], mc.Gamma("tau", 3.0, 3.0), value=np.zeros(N), observed=True)


def two_kinds(number, z):
    """Two data nodes: a mean for one, counts for the other, so that parameters are given."""
    mu, rate = mc.Normal("mu", 0.0, 0.5, size=number), mc.Gamma("rate", 2.0, 2.0, size=number)
    y = mc.Normal("y", mu[z], 1.0, value=np.zeros(N), observed=True)
    return [y, mc.Poisson("c", rate[z], value=np.zeros(N, int), observed=True)]


def heavy_tails(number, z):
    """Rows without sums, and a prior that is not conjugate: algorithm 8."""
    mu = mc.Laplace("mu", 0.0, 1.0, size=number)
    return mc.StudentT("y", mu[z], 1.0, 4.0, value=np.zeros(N), observed=True)


JOINT = [
    pytest.param(heavy_tails, open_labels, GIVEN, marks=pytest.mark.slow),
    pytest.param(heavy_tails, stick_labels, {mc.CollapsedLabels: {}}, marks=pytest.mark.slow),
    (pairs, open_labels, SUMMED_OUT),
    (vector_pairs, known_labels, SUMMED_OUT),
    (means, stick_labels, SUMMED_OUT),
    (two_kinds, open_labels, GIVEN),
    pytest.param(two_kinds, stick_labels, GIVEN, marks=pytest.mark.slow),
    pytest.param(pairs, open_labels, ONE_WAY, marks=pytest.mark.slow),
    (vector_pairs, known_labels, ONE_WAY),
]
LEVEL = levels.each("collapsed labels", len(JOINT))


@pytest.mark.parametrize(("model", "labels", "steps"), JOINT)
def test_sweeps_leave_the_joint_distribution_as_it_is(model, labels, steps):
    def prepare(m):
        for step, settings in steps.items():
            m.use_step_method(step, "z", **settings)

    found = joint_test(model(*labels()), prepare=prepare, sweeps=8, replications=80, false_alarm=LEVEL, seed=35)
    assert found.passed, found


# -------------------------------------------------------------------- what it is for


def sweeps_until_even(steps, seed):
    """Of two components that are one: how many sweeps until the larger one has less than three rows of four."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=1000)
    mu = mc.Normal("mu", 0.0, 1e12, size=2)
    x = np.random.default_rng(36).normal(size=1000)
    m = mc.MCMC([mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)], marginal_moves=False)
    for step in steps:
        m.use_step_method(step, "z")
    start = {"z": np.zeros(1000, int), "w": [0.999, 0.001]}
    ten_units.sampled(m, seed, 2000, 0, chains=1, quiet=True, start=start)
    share = m.trace("z")[:].mean(1)
    return int(np.argmax(np.maximum(share, 1 - share) < 0.75)) or 2000


def test_one_direction_spreads_rows_that_no_component_owns():
    plain, one_way = ([sweeps_until_even(steps, seed) for seed in range(5)] for steps in ([], [mc.NonReversibleLabels]))
    assert np.median(plain) > 20 * np.median(one_way)


# -------------------------------------------------------------------- what is said, and what is refused


def test_parameters_are_given_where_they_cannot_be_summed_out():
    m = mc.MCMC([two_kinds(*known_labels())[0]])
    m.use_step_method(mc.CollapsedLabels, "z")
    assert "weights summed out, parameters too" in str(m.explain())
    m = mc.MCMC(two_kinds(*known_labels()))
    m.use_step_method(mc.CollapsedLabels, "z")
    assert "weights summed out, parameters given" in str(m.explain())


@pytest.mark.parametrize(
    ("step", "settings", "what"),
    [
        (mc.CollapsedLabels, {"given": False}, "no mean and precision that can be integrated out"),
        (mc.CollapsedLabels, {"given": 3}, "given expected True or False, got 3"),
        (mc.NonReversibleLabels, {"pairs": 0.5}, "pairs expected a whole number"),
    ],
)
def test_what_cannot_be_is_refused(step, settings, what):
    m = mc.MCMC(two_kinds(*known_labels()))
    with pytest.raises(ModelError, match=what):
        m.use_step_method(step, "z", **settings)


def test_one_direction_needs_a_dirichlet_prior():
    m = mc.MCMC(two_kinds(*stick_labels()))
    with pytest.raises(ModelError, match="no draw of one Dirichlet prior"):
        m.use_step_method(mc.NonReversibleLabels, "z")

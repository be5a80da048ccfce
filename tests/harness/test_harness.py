"""The harness itself: right samplers pass it, planted faults do not, and its false alarms are as rare as stated.

Most faults need no patching: the model that simulates is one, the model that the sampler is made for another. All runs
have literal seeds; a test of a right sampler fails with probability FALSE_ALARM at most when its seed is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mcmix as mc
from mcmix import testing
from mcmix.testing.rule import Rule, ranked, uniformity
from mcmix.testing.simulate import Simulator
from tests.harness import levels

ROWS = 10


# -------------------------------------------------------------------- models


def normal_mixture(concentration: float = 1.0, precision: float = 0.25) -> mc.Model:
    w = mc.Dirichlet("w", [concentration] * 2)
    z = mc.Categorical("z", w, size=ROWS)
    mu = mc.Normal("mu", 0, precision, size=2)
    tau = mc.Gamma("tau", 3, 2)
    return mc.Model([mc.Normal("y", mu[z], tau, value=np.arange(ROWS) / ROWS, observed=True)])


def poisson_mixture(shape: float = 2.0, rate: float = 0.5, concentration: float = 1.0, rows: int = ROWS) -> mc.Model:
    w = mc.Dirichlet("w", [concentration] * 2)
    z = mc.Categorical("z", w, size=rows)
    means = mc.Gamma("means", shape, rate, size=2)
    return mc.Model([mc.Poisson("y", means[z], value=np.zeros(rows, int), observed=True)])


def vector_mixture(spread: float = 2.0) -> mc.Model:
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=ROWS)
    theta = mc.NormalWishart("theta", np.zeros(2), 0.5, 5.0, spread * np.eye(2), size=2)
    some = np.random.default_rng(1).normal(size=(ROWS, 2))
    return mc.Model([mc.Mixture("y", z, mc.MvNormal, theta, value=some, observed=True)])


def scale_mixture() -> mc.Model:
    """A half-normal prior on standard deviations has no conjugate update."""
    z = mc.Categorical("z", [0.5, 0.5], size=ROWS)
    sd = mc.HalfNormal("sd", 1.0, size=2)
    return mc.Model([mc.Normal("y", 0.0, 1 / sd[z] ** 2, value=np.arange(1, ROWS + 1) / ROWS, observed=True)])


def one_rate() -> mc.Model:
    rate = mc.Gamma("rate", 1.5, 1)
    return mc.Model([mc.Poisson("y", rate, value=[0], observed=True)])


def one_mean() -> mc.Model:
    return mc.Model([mc.Normal("y", mc.Normal("mu", 0, 1), 1, value=[0.0], observed=True)])


def three_labels() -> mc.Model:
    """Components so close that labels move freely."""
    z = mc.Categorical("z", [1 / 3] * 3, size=6)
    mu = mc.Normal("mu", 0, 1, size=3)
    return mc.Model([mc.Normal("y", mu[z], 1.0, value=np.zeros(6), observed=True)])


def served_by(step: Any, name: str) -> Callable[[mc.MCMC], None]:
    return lambda m: m.use_step_method(step, name)


# -------------------------------------------------------------------- steps written by a user


class Scaling(mc.Metropolis):
    """Multiplies by a random factor, so the way back has another density."""

    def propose(self) -> None:
        self.factor = np.exp(self.rng.normal())
        self.stochastic.value = self.stochastic.value * self.factor

    def hastings_factor(self) -> float:
        return float(np.log(self.factor))


class ForgottenHastings(Scaling):
    def hastings_factor(self) -> float:
        return 0.0


class LabelWalk(mc.StepMethod):
    """A uniform proposal for each label in turn."""

    proposed = 3

    def step(self) -> None:
        for i in range(self.stochastic.shape[0]):
            before, labels = self.logp_plus_loglike, np.array(self.stochastic.value)
            labels[i] = self.rng.integers(self.proposed)
            self.stochastic.value = labels
            if not self.logp_plus_loglike - before > -self.rng.exponential():
                self.stochastic.revert()


class LastLabelForgotten(LabelWalk):
    proposed = 2


class PriorForgotten(mc.StepMethod):
    def step(self) -> None:
        before = self.loglike
        self.stochastic.value = self.stochastic.value + self.rng.normal(size=self.stochastic.shape)
        if not self.loglike - before > -self.rng.exponential():
            self.stochastic.revert()


# -------------------------------------------------------------------- what is right passes


RIGHT = {
    "normal mixture": (normal_mixture, None),
    "Poisson mixture": (poisson_mixture, None),
    "normal-Wishart mixture": (vector_mixture, None),
    "scale by slices": (scale_mixture, served_by(mc.Slicer, "sd")),
    "scale by Metropolis": (scale_mixture, served_by(mc.Metropolis, "sd")),
    "a user's scaling step": (one_rate, served_by(Scaling, "rate")),
}
TESTS = 3 * len(RIGHT) + 6
FALSE_ALARM = levels.each("harness", TESTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_sampler_passes(name: str):
    model, prepare = RIGHT[name]
    found = testing.joint_test(model(), prepare=prepare, replications=100, false_alarm=FALSE_ALARM, seed=20)
    assert found.passed, found


def test_a_users_label_step_that_is_right_passes():
    prepare = served_by(LabelWalk, "z")
    found = testing.joint_test(
        three_labels(), prepare=prepare, sweeps=3, replications=60, false_alarm=FALSE_ALARM, seed=21
    )
    assert found.passed, found


def test_data_drawn_afresh_between_steps_leave_a_right_sampler_right():
    found = testing.joint_test(poisson_mixture(), steps=3, sweeps=1, replications=60, false_alarm=FALSE_ALARM, seed=22)
    assert found.passed, found


def test_a_right_sampler_is_calibrated():
    found = testing.rank_calibration(poisson_mixture(), burn=100, replications=80, false_alarm=FALSE_ALARM, seed=23)
    assert found.passed, found


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_sampler_passes_a_longer_look(name: str):
    model, prepare = RIGHT[name]
    found = testing.joint_test(
        model(), prepare=prepare, steps=2, replications=1500, stages=2, false_alarm=FALSE_ALARM, seed=24
    )
    assert found.passed, found


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_sampler_is_calibrated_at_a_longer_look(name: str):
    model, prepare = RIGHT[name]
    found = testing.rank_calibration(
        model(), prepare=prepare, burn=500, thin=50, replications=400, stages=2, false_alarm=FALSE_ALARM, seed=25
    )
    assert found.passed, found


# -------------------------------------------------------------------- planted faults do not

FAULTS: dict[str, tuple[Callable[[], mc.Model], Callable[[], mc.Model] | None, Any, dict[str, int]]] = {
    "prior left out": (normal_mixture, lambda: normal_mixture(precision=1e-4), None, {}),
    "prior left out by a step": (one_mean, None, served_by(PriorForgotten, "mu"), {}),
    "every count one too large": (
        lambda: poisson_mixture(rows=2, concentration=0.5),
        lambda: poisson_mixture(rows=2, concentration=1.5),
        None,
        {},
    ),
    "scale and rate swapped": (lambda: poisson_mixture(2, 3), lambda: poisson_mixture(2, 1 / 3), None, {}),
    "a scale matrix for its inverse": (vector_mixture, lambda: vector_mixture(0.5), None, {}),
    "one label never proposed": (three_labels, None, served_by(LastLabelForgotten, "z"), {"sweeps": 3}),
    "Hastings term forgotten": (one_rate, None, served_by(ForgottenHastings, "rate"), {}),
}


# in smaller models test_planted.py plants these for every method, in the fast part too
ELSEWHERE = {
    "prior left out by a step",
    "every count one too large",
    "scale and rate swapped",
    "Hastings term forgotten",
}


@pytest.mark.parametrize("fault", [pytest.param(f, marks=[pytest.mark.slow] * (f in ELSEWHERE)) for f in FAULTS])
def test_a_planted_fault_is_caught(fault: str):
    simulated, sampled, prepare, options = FAULTS[fault]
    other = None if sampled is None else sampled()
    found = testing.joint_test(simulated(), other, prepare=prepare, seed=30, **options)
    assert not found.passed, found


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_whatever_the_seed(fault: str):
    """With power 0.99, more than one of ten escapes in 0.4 % of all choices of seeds."""
    simulated, sampled, prepare, options = FAULTS[fault]
    other = None if sampled is None else sampled()
    runs = [testing.joint_test(simulated(), other, prepare=prepare, seed=s, **options) for s in range(40, 50)]
    assert sum(found.passed for found in runs) <= 1


def test_a_planted_fault_is_caught_by_calibration():
    found = testing.rank_calibration(
        poisson_mixture(2, 3), poisson_mixture(2, 1 / 3), burn=100, replications=80, seed=31
    )
    assert not found.passed, found


def test_a_step_that_never_moves_is_caught_by_calibration_alone():
    """It leaves every distribution as it is: only draws from the sampler's own start tell."""
    model, prepare = one_rate(), served_by(mc.NoStepper, "rate")
    right = testing.joint_test(model, prepare=prepare, replications=50, stages=1, false_alarm=FALSE_ALARM, seed=32)
    assert right.passed, right
    assert not testing.rank_calibration(model, prepare=prepare, burn=1, thin=1, replications=80, seed=32).passed


# -------------------------------------------------------------------- the rule and the result


def shifted(amount: float) -> Callable[[np.random.SeedSequence], dict[str, float]]:
    """Ten independent ranks, uniform but for a power of the first."""

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        ranks = np.random.default_rng(sequence).random(10)
        ranks[0] **= 1 + amount
        return {f"q{i}": float(u) for i, u in enumerate(ranks)}

    return replicate


def test_false_alarms_are_as_rare_as_stated():
    """With 0.2 stated, 60 runs have 12 at most on average: 31 and more have a probability of 5e-8."""
    rule = Rule("ranks", 20, 3, 2, 0.2)
    failed = sum(not rule.applied(shifted(0.0), 100 + i).passed for i in range(60))
    assert failed < 31


def test_doubt_leads_to_another_stage_and_clarity_ends_it():
    rule = Rule("ranks", 50, 4, 3, 1e-5)
    clear, doubtful = rule.applied(shifted(0.0), 1), rule.applied(shifted(1.0), 1)
    assert (clear.stage, clear.passed, clear.replications) == (1, True, 50)
    assert doubtful.stage > 1
    assert not doubtful.passed
    assert doubtful.worst == "q0"


def test_ranks_of_equal_values_are_uniform():
    """A quantity that is constant but for rounding has ties at random, not an order."""
    rng = np.random.default_rng(2)
    values = [{"x": 0.5 + 1e-16 * i} for i in range(10)]
    ranks = [ranked({"x": lambda v: v["x"]}, values[0], values[1:], rng)["x"] for _ in range(500)]
    assert uniformity(np.array(ranks)) > FALSE_ALARM


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        (lambda u: u**0.4, "too high"),
        (lambda u: u**2.5, "too low"),
        (lambda u: (1 + np.sign(u - 0.5) * np.abs(2 * u - 1) ** 0.4) / 2, "too spread out"),
        (lambda u: (1 + np.sign(u - 0.5) * np.abs(2 * u - 1) ** 2.5) / 2, "too narrow"),
    ],
)
def test_a_failure_says_which_way(bend: Callable[[np.ndarray], np.ndarray], words: str):
    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        return {"q": float(bend(np.random.default_rng(sequence).random()))}

    found = Rule("ranks", 200, 1, 2, 1e-4).applied(replicate, 3)
    assert not found.passed
    assert f"'q' are {words}" in repr(found)


def test_the_two_tests_name_the_same_direction():
    """A prior mean that is too high shows as draws that are too high, whichever way ranks are taken."""

    def model(mean: float) -> mc.Model:
        return mc.Model([mc.Normal("y", mc.Normal("mu", mean, 1), 1, value=[0.0], observed=True)])

    for test in (testing.joint_test, testing.rank_calibration):
        assert "'mu' are too high" in repr(test(model(0.0), model(3.0), replications=60, seed=4))


def test_the_same_seed_gives_the_same_ranks_and_the_data_come_back():
    model = one_rate()
    before = np.array(model.data_nodes[0].value)
    found = [testing.joint_test(model, replications=5, stages=1, seed=5).ranks["rate"] for _ in range(2)]
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(model.data_nodes[0].value, before)


def test_default_quantities_do_not_see_names_of_components():
    model = vector_mixture()
    values = Simulator(model).draw(np.random.default_rng(6))
    swapped = {k: v[::-1] if k.startswith(("theta", "w")) else 1 - v if k == "z" else v for k, v in values.items()}
    for name, quantity in testing.label_invariant(model).items():
        assert quantity(swapped) == pytest.approx(quantity(values), rel=1e-12), name


def with_potential() -> mc.Model:
    rate = mc.Gamma("rate", 2, 1)
    extra = mc.Potential(logp=lambda rate: -rate, name="extra", parents={"rate": rate}, doc="")
    return mc.Model([mc.Poisson("y", rate, value=[1], observed=True), extra])


def with_gap() -> mc.Model:
    return mc.Model([mc.Normal("y", mc.Normal("mu", 0, 1), 1, value=[0.0, np.nan], observed=True)])


@pytest.mark.parametrize(
    ("simulated", "options", "message"),
    [
        (lambda: mc.Model([mc.Normal("mu", 0, 1)]), {}, "model with data"),
        (with_potential, {}, "without potentials .* extra"),
        (with_gap, {}, "without missing entries, got some in y"),
        (one_rate, {"sampled": three_labels()}, "sampled: expected the names and shapes"),
        (one_rate, {"sweeps": 0}, "sweeps: expected a whole number"),
        (one_rate, {"replications": 0}, "replications: expected a whole number"),
        (one_rate, {"false_alarm": 1.0}, "false_alarm: expected a probability"),
        (one_rate, {"quantities": {"bad": lambda v: np.nan}}, "quantity 'bad': expected a number, got NaN"),
    ],
)
def test_what_cannot_be_tested_is_refused(simulated: Callable[[], mc.Model], options: dict[str, Any], message: str):
    with pytest.raises(mc.ModelError, match=message):
        testing.joint_test(simulated(), **options)

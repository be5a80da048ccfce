"""Five faults that samplers have had, planted for each method of the harness: every one must be seen.

The fast part plants each once. The slow part plants each RUNS times with fresh seeds: one miss at most of 100 is what a
power of 0.99 leaves plausible, and a power of 0.95 would show as more in 96 % of all choices of seeds.
A method that cannot see a fault by its nature has no row for it: no label is proposed by a Hastings step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import mcmix as mc
from mcmix import testing
from mcmix.kernels.records import seen
from mcmix.kernels.tiles import PASS
from mcmix.steps.labels import LabelGibbs
from tests import runs
from tests.harness import levels

RUNS, MISSES = 100, 1
ROWS = 60  # of a twin's model

Verdict = Callable[[Any], bool]  # of a seed: whether nothing was found


# -------------------------------------------------------------------- models, right or with a fault


def one_rate(shape: float = 1.05) -> mc.Model:
    """A count that says little about its rate, whose prior leans on zero."""
    rate: Any = mc.Gamma("rate", shape, 1.0)
    return mc.Model([mc.Poisson("y", 0.1 * rate, value=0, observed=True)])


def one_mean() -> mc.Model:
    return mc.Model([mc.Normal("y", mc.Normal("mu", 0.0, 25.0), 1.0, value=[0.5], observed=True)])


def counts(rate: float = 5.0, concentration: float = 1.0, rows: int = 3) -> mc.Model:
    means: Any = mc.Gamma("means", 2.0, rate, size=2)
    z: Any = mc.Categorical("z", mc.Dirichlet("w", [concentration] * 2), size=rows)
    return mc.Model([mc.Poisson("y", means[z], value=np.arange(rows) % 2, observed=True)])


def two_labels(first: float = 0.5, rows: int = 4) -> mc.Model:
    """Components so close that data say little about labels."""
    mu: Any = mc.Normal("mu", 0.0, 4.0, size=2)
    z: Any = mc.Categorical("z", [first, 1.0 - first], size=rows)
    return mc.Model([mc.Normal("y", mu[z], 1.0, value=np.linspace(-1.0, 1.0, rows), observed=True)])


def durations(swapped: bool = False) -> mc.Model:
    scale: Any = mc.Gamma("scale", [2.0, 20.0], [1.0, 4.0])
    z: Any = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=ROWS)
    rate = scale[z] if swapped else 1.0 / scale[z]
    return mc.Model([mc.Gamma("y", 2.0, rate, value=np.linspace(0.5, 12.0, ROWS), observed=True)])


class Scaling(mc.Metropolis):
    """Multiplies by a random factor, so the way back has another density; the Hastings term is what some forget."""

    def propose(self) -> None:
        self.factor = np.exp(2.0 * self.rng.normal())
        self.stochastic.value = self.stochastic.value * self.factor


class RightScaling(Scaling):
    def hastings_factor(self) -> float:
        return float(np.log(self.factor))


class ForgottenHastings(Scaling):
    def hastings_factor(self) -> float:
        return 0.0


class PriorForgotten(mc.StepMethod):
    def step(self) -> None:
        before = self.loglike
        self.stochastic.value = self.stochastic.value + 2.0 * self.rng.normal(size=self.stochastic.shape)
        if not self.loglike - before > -self.rng.exponential():
            self.stochastic.revert()


# -------------------------------------------------------------------- statistical methods


@dataclass(frozen=True)
class Fault:
    """A right model, and what is wrong with the sampler."""

    right: Callable[[], mc.Model]
    wrong: Callable[[], mc.Model] | None = None
    step: tuple[Any, str] | None = None
    options: dict[str, dict[str, Any]] = field(default_factory=dict)  # by method


FAULTS = {
    "Hastings term forgotten": Fault(
        one_rate, step=(ForgottenHastings, "rate"), options={"joint": {"sweeps": 30}, "calibration": {"thin": 6}}
    ),
    "prior left out": Fault(
        one_mean,
        step=(PriorForgotten, "mu"),
        # intervals under a flat prior of a location cover as often as they should: only its size tells
        options={"calibration": {"quantities": {"size of mu": lambda values: abs(float(values["mu"]))}}},
    ),
    "every count one too large": Fault(
        lambda: counts(concentration=0.1, rows=2), lambda: counts(concentration=1.1, rows=2)
    ),
    "scale and rate swapped": Fault(counts, lambda: counts(rate=1.0 / 5.0)),
    "one label never proposed": Fault(two_labels, lambda: two_labels(1.0 - 1e-12)),
}
METHODS: dict[str, tuple[Callable[..., testing.HarnessResult], dict[str, int]]] = {
    "joint": (testing.joint_test, {}),
    "calibration": (testing.rank_calibration, {"burn": 40, "thin": 3, "draws": 3}),
    "enumeration": (testing.enumeration_test, {"burn": 40}),
}
FIRST_STAGE = 20


def found_nothing(method: str, fault: str) -> Verdict:
    """The method on a sampler with the fault."""
    planted = FAULTS[fault]
    wrong = None if planted.wrong is None else planted.wrong()
    test = asked(method, planted, wrong, planted.step)
    return lambda seed: test(seed, levels.BY_DEFAULT).passed


def asked(
    method: str, planted: Fault, sampled: mc.Model | None, step: tuple[Any, str] | None
) -> Callable[[int, float], testing.HarnessResult]:
    """The method on the right model, as a function of seed and false alarm."""
    test, options = METHODS[method]
    right = planted.right()
    prepare = None if step is None else lambda m: m.use_step_method(*step)
    known = {"exact": testing.enumerated(right)} if method == "enumeration" else {}
    more = {**options, **planted.options.get(method, {}), **known, "prepare": prepare, "replications": FIRST_STAGE}
    return lambda seed, false_alarm: test(right, sampled, seed=seed, false_alarm=false_alarm, **more)


# -------------------------------------------------------------------- the twin


sampled = runs.sampler(iterations=30, burn=10, chains=1)


def wrong_model(right: Callable[[], mc.Model], wrong: Callable[[], mc.Model]) -> Verdict:
    """A sampler for another model than the one that labels should follow."""
    model = right()
    return lambda seed: testing.label_twin(sampled(wrong(), seed), model).passed


def wrong_count(seed: Any) -> bool:
    """Counts that land one place too early in memory: that of the second label stands where the first's should."""
    with pytest.MonkeyPatch.context() as patched:
        bind = LabelGibbs.bind

        def shifted(self: LabelGibbs, chain: Any) -> Any:
            calls = bind(self, chain)
            seen(PASS, calls[-1].words).counts -= 8
            return calls

        m = sampled(two_labels(rows=ROWS), seed)
        patched.setattr(LabelGibbs, "bind", shifted)
        return testing.label_twin(m).passed


TWIN: dict[str, Verdict] = {
    "prior left out": wrong_model(lambda: two_labels(0.1, ROWS), lambda: two_labels(0.5, ROWS)),
    "every count one too large": wrong_count,
    "scale and rate swapped": wrong_model(durations, lambda: durations(True)),
    "one label never proposed": wrong_model(lambda: two_labels(0.2, ROWS), lambda: two_labels(1.0, ROWS)),
}

CELLS = [(method, fault) for method in METHODS for fault in FAULTS] + [("twin", fault) for fault in TWIN]


def verdict(method: str, fault: str) -> Verdict:
    return TWIN[fault] if method == "twin" else found_nothing(method, fault)


# -------------------------------------------------------------------- they are seen, and what is right is not

TESTS = len(METHODS) * len(FAULTS)
FALSE_ALARM = levels.each("planted", TESTS)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", METHODS)
def test_the_same_model_passes_where_nothing_is_wrong(method: str, fault: str):
    step = (RightScaling, "rate") if fault == "Hastings term forgotten" else None
    found = asked(method, FAULTS[fault], None, step)(71, FALSE_ALARM)
    assert found.passed, found


@pytest.mark.parametrize("model", [two_labels, durations], ids=lambda m: m.__name__)
def test_the_same_labels_pass_where_nothing_is_wrong(model: Callable[..., mc.Model]):
    found = testing.label_twin(sampled(model(), 71))
    assert found.passed, found


@pytest.mark.parametrize(("method", "fault"), CELLS)
def test_a_planted_fault_is_caught(method: str, fault: str):
    assert not verdict(method, fault)(70)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "fault"), CELLS)
def test_a_planted_fault_is_caught_whatever_the_seed(method: str, fault: str):
    passed = verdict(method, fault)
    missed = [seed for seed in range(1000, 1000 + RUNS) if passed(seed)]
    assert len(missed) <= MISSES, missed

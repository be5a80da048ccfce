"""A verdict from exact numbers of the few quantities that may be the worst is the verdict from exact numbers of all."""

import numpy as np
import pytest

from mcmix.report.diagnosis import result
from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.mixing import mixing
from mcmix.report.diagnosis.quantities import measured
from mcmix.report.diagnosis.result import Diagnosis, diagnosed
from mcmix.report.diagnosis.screening import screened
from mcmix.traces.memory import Draws


def chains(correlations: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Four autoregressive chains of each quantity, shape (chains, draws, quantities)."""
    noise = np.random.default_rng(seed).normal(size=(4, draws, len(correlations)))
    x = noise * np.sqrt(1.0 - correlations**2)
    x[:, 0] = noise[:, 0]
    for t in range(1, draws):
        x[:, t] += correlations * x[:, t - 1]
    return x


def both(monkeypatch: pytest.MonkeyPatch, draws: Draws, facts: Facts | None = None) -> tuple[Diagnosis, Diagnosis]:
    """The verdict as it is, and as it were if all quantities had been measured."""
    facts = facts or Facts()
    quick = diagnosed(draws, facts)
    with monkeypatch.context() as patched:
        patched.setattr(result, "glanced", lambda draws, picked: measured(picked))
        return quick, diagnosed(draws, facts)


def kinds(found: Diagnosis) -> list[str]:
    return [f.kind for f in found.findings]


@pytest.mark.parametrize("worst", [0.0, 0.5, 0.8, 0.9, 0.97, 0.995])
def test_the_verdict_is_that_of_all_quantities(monkeypatch, worst):
    for seed in range(6):
        correlations = np.random.default_rng(seed).uniform(0.0, worst, 30) * 0.9
        correlations[seed] = worst
        quick, whole = both(monkeypatch, Draws({"x": chains(correlations, 800, seed)}))
        assert kinds(quick) == kinds(whole) and quick.looked_at == len(whole.quantities) == 30
        if whole.wrong:
            assert quick.verdict == whole.verdict
        else:
            assert least(quick) == pytest.approx(least(whole), rel=0.2) and len(quick.quantities) <= 3


def least(found: Diagnosis) -> float:
    return min(q.effective for q in found.quantities)


@pytest.mark.parametrize("seed", range(4))
def test_chains_that_differ_in_one_of_many_are_seen(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    apart, wider, heavy, moved = np.full((4, 4, 600, 40), np.nan)
    for x in (apart, wider, heavy, moved):
        x[...] = rng.normal(size=x.shape)
    apart[1, :, 7] += 1.0
    wider[2, :, 7] *= 2.5
    heavy[...] = rng.standard_cauchy(heavy.shape)
    heavy[0, :, 7] += 2.0
    moved[:, 300:, 7] += 1.0
    for x in (apart, wider, heavy, moved):
        quick, whole = both(monkeypatch, Draws({"x": x}))
        assert quick.wrong and quick.verdict == whole.verdict and "x[7]" in quick.verdict


def test_rare_values_constants_and_numbers_that_are_none_are_no_obstacle(monkeypatch):
    x = np.random.default_rng(1).normal(size=(4, 500, 30))
    x[..., 3] = 2.0
    x[..., 4] = np.random.default_rng(2).random((4, 500)) > 0.004
    x[1, 7, 5] = np.nan
    x[..., 6] = x[..., 6].round()
    quick, whole = both(monkeypatch, Draws({"x": x}))
    assert quick.ok and kinds(quick) == kinds(whole) and "x[4]" in {q.label for q in quick.quantities}
    still = np.repeat(np.arange(4.0)[:, None, None], 500, axis=1) * np.ones(30)
    quick, whole = both(monkeypatch, Draws({"x": still}))
    assert quick.verdict == whole.verdict and "chains disagree" in kinds(quick)


def test_angles_are_screened_as_points_on_the_circle(monkeypatch):
    around = np.pi + 0.3 * chains(np.full(20, 0.3), 600, 3)
    draws = Draws({"phi": (around + np.pi) % (2 * np.pi) - np.pi}, angles=frozenset({"phi"}))
    quick, whole = both(monkeypatch, draws)
    assert quick.ok and whole.ok and len(quick.quantities) <= 3
    assert least(quick) == pytest.approx(least(whole), rel=0.2)


def test_what_decides_nothing_is_measured_where_chains_disagree(monkeypatch):
    x = np.random.default_rng(1).normal(size=(4, 500, 2)) + np.array([0.0, 9.0])
    x[1] = x[1, :, ::-1]
    facts = Facts(suspects=frozenset({"mu"}), continuous=frozenset({"mu"}))
    quick, whole = both(monkeypatch, Draws({"mu": x}), facts)
    assert quick.headline == "names differ between chains" and quick.verdict == whole.verdict


def test_a_screening_puts_quantities_into_about_the_right_order():
    x = np.moveaxis(chains(np.linspace(0.0, 0.98, 12), 2000, 5), -1, 0)
    rough, exact = screened(x), mixing(x)
    ratios = rough.effective / exact.effective
    assert ((ratios > 0.5) & (ratios < 4.0)).all()  # the slowest move on for longer than a batch
    assert np.argmin(rough.effective) == np.argmin(exact.effective)
    assert list(rough.worst(2, 0)) == [10, 11]

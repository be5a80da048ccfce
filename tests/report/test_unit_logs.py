"""Scores of many units from some of them agree with the scores of all."""

import numpy as np
import pytest

from mcmix.report.evidence import scores, unit_logs
from mcmix.report.evidence.unit_logs import UnitLogs


@pytest.fixture
def both(monkeypatch):
    """Log likelihoods of normal rows under draws of their mean, of all units and of a quarter of them."""
    rng = np.random.default_rng(1)
    x = rng.normal(0.0, 1.0, 800)
    logs = -0.5 * (x - rng.normal(x.mean(), 800**-0.5, 400)[:, None]) ** 2
    logs = logs.reshape(2, 200, 800)
    whole = UnitLogs(logs, logs.sum(axis=-1), 800)
    monkeypatch.setattr(unit_logs, "MOST_UNITS", 300)
    monkeypatch.setattr(unit_logs, "SOME_UNITS", 200)
    return whole, UnitLogs(logs[:, :, unit_logs.units_looked_at(800)], whole.total, 800)


def test_few_units_are_all_kept(both):
    whole, some = both
    assert whole.is_whole and whole.some.shape == (2, 200, 800)
    assert not some.is_whole and some.some.shape == (2, 200, 200) and some.n_units == 800
    np.testing.assert_allclose(some.total, whole.total)
    assert whole.leave_one_out().value == scores.leave_one_out(whole.some).value


@pytest.mark.parametrize("score", ["leave_one_out", "widely_applicable", "deviance_information"])
def test_sums_over_all_are_told_from_some(both, score):
    of_all, of_some = (getattr(logs, score)() for logs in both)
    naive = 4.0 * getattr(scores, score)(both[1].some).value
    assert abs(of_some.value - of_all.value) < 0.3 < abs(naive - of_all.value)  # the sample alone is off by units
    assert of_some.error == pytest.approx(of_all.error, rel=0.25)


def test_differences_count_all_units(both):
    whole, some = both
    worse = UnitLogs(some.some - 0.5, some.total - 400.0, 800)
    behind, error = scores.behind([some.leave_one_out(), worse.leave_one_out()])
    np.testing.assert_allclose(behind, [0.0, 400.0], atol=1e-6)
    np.testing.assert_allclose(error, 0.0, atol=1e-6)

"""Evidence of numbers of components from shares of occupied ones, beside sums over all partitions."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from mcmix.report.evidence.occupied_shares import from_shares, log_partition_weights
from mcmix.testing import enumerated_partitions

X = np.random.default_rng(1).normal(np.repeat([-1.5, 1.5], 4), 1.0)
NUMBERS, CONCENTRATION = (2, 3, 4, 6), 0.7


def log_likelihood(units):
    """Of normal data with precision 1 about a mean that is N(0, 4)."""
    x, n = X[units], len(units)
    return stats.multivariate_normal(np.zeros(n), np.eye(n) + 4.0).logpdf(x)


def exact(components):
    return enumerated_partitions(len(X), log_likelihood, components=components, concentration=CONCENTRATION)


def point(k):
    return [0.0] * (k - 1) + [1.0]


@pytest.fixture(scope="module")
def posteriors():
    return [exact(point(k)) for k in NUMBERS]


def weights(most=8):
    return np.array([log_partition_weights(len(X), k, CONCENTRATION, most) for k in NUMBERS])


def shares_of(posteriors, most=8):
    return np.array([np.pad(p.occupied, (0, most - len(p.occupied))) for p in posteriors])


def test_exact_shares_give_the_exact_evidence(posteriors):
    found = from_shares(weights(), shares_of(posteriors), [100.0] * len(NUMBERS))
    truth = np.array([p.log_evidence for p in posteriors])
    np.testing.assert_allclose(found.logs - found.logs[0], truth - truth[0], atol=1e-8)


def test_an_unknown_number_counts_as_its_average(posteriors):
    prior = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.1])
    unknown = exact(prior)
    each = [np.log(p) + log_partition_weights(len(X), k, CONCENTRATION, 8) for k, p in enumerate(prior, 1)]
    logs = np.vstack([weights(), logsumexp(each, axis=0)])
    shares = np.vstack([shares_of(posteriors), shares_of([unknown])])
    found = from_shares(logs, shares, [50.0] * 5)
    truth = np.array([p.log_evidence for p in [*posteriors, unknown]])
    np.testing.assert_allclose(found.logs - found.logs[0], truth - truth[0], atol=1e-8)


def test_errors_are_those_of_repetitions(posteriors):
    rng, n = np.random.default_rng(2), 400
    logs, shares = weights(), shares_of(posteriors)
    truth = np.array([p.log_evidence for p in posteriors])
    scores = []
    for _ in range(300):
        found = from_shares(logs, np.array([rng.multinomial(n, p / p.sum()) / n for p in shares]), [n] * 4)
        differences = found.logs - found.logs[0] - (truth - truth[0])
        scores.append([differences[i] / found.error(i, 0) for i in (1, 2, 3)])
    # variances of 300 standard normal scores: 1 within 4 standard deviations of sqrt(2 / 300)
    np.testing.assert_allclose(np.var(scores, axis=0), 1.0, atol=4 * np.sqrt(2 / 300))
    assert np.abs(np.mean(scores, axis=0)).max() < 4 / np.sqrt(300) + 0.1  # and a small sample's bias


def test_models_without_a_number_in_common_are_not_compared():
    shares = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.5, 0.0, 0.5]])
    logs = np.array([log_partition_weights(20, k, 1.0, 4) for k in (2, 3, 4)])
    found = from_shares(logs, shares, [10.0] * 3)
    assert np.isfinite(found.logs[[0, 2]]).all() and np.isnan(found.logs[1])
    assert found.logs[2] - found.logs[0] == pytest.approx(logs[2, 1] - logs[0, 1] - np.log(0.5))

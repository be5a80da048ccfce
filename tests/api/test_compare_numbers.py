"""Evidence by number of components from occupied ones, in `mc.compare`, beside sums over all partitions."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.api.same_components import alike, exchangeable
from mcmix.testing import enumerated_partitions
from tests import runs

X = np.random.default_rng(1).normal(np.repeat([-1.5, 1.5], 4), 1.0)
NUMBERS = (2, 3, 5)
sampled = runs.sampler(iterations=6000, burn=500, chains=2, seed=1, quiet=True)


def mixture(k, sigma=2.0, concentration=1.0, hierarchical=False):
    w = mc.Dirichlet("w", concentration, size=k)
    z = mc.Categorical("z", w, size=len(X), trace=False)
    precision = mc.Gamma("precision", 2.0, 2.0 * sigma**2) if hierarchical else sigma**-2
    return [mc.Mixture("y", z, mc.Normal, mc.Normal("mu", 0.0, precision, size=k), 1.0, value=X, observed=True)]


def exact(components, sigma=2.0):
    def log_likelihood(units):
        n = len(units)
        return stats.multivariate_normal(np.zeros(n), np.eye(n) + sigma**2).logpdf(X[units])

    return enumerated_partitions(len(X), log_likelihood, components=components, concentration=1.0)


@pytest.fixture(scope="module")
def samplers():
    found = {k: sampled(mixture(k)) for k in NUMBERS}
    return found | {"unknown": sampled(mixture(mc.NumberOfComponents("K", most=6)))}


@pytest.fixture(scope="module")
def comparison(samplers):
    return mc.compare(samplers, leave_one_out=False)


def test_the_evidence_is_the_exact_one(comparison):
    table = comparison.table
    truth = np.array([exact([0.0] * (k - 1) + [1.0]).log_evidence for k in NUMBERS])
    assert table.index.tolist() == ["2", "3", "5"]  # the unknown number has no line of its own
    for kind in ("log_evidence", "log_evidence_occupied"):
        errors = table[f"{kind}_error" if kind != "log_evidence" else "evidence_error"]
        assert (errors < 0.1).all()
        assert (np.abs(table[kind] - truth) < 4 * errors).all()


def test_what_is_surer_is_taken_and_said(comparison):
    table = comparison.table
    surer = table["log_evidence_occupied_error"] < table["log_evidence_bridge_error"]
    assert surer.any()
    assert (table["log_evidence"] == table["log_evidence_occupied"])[surer].all()
    assert (table["log_evidence"] == table["log_evidence_bridge"])[~surer].all()
    names = ", ".join(table.index[surer])
    assert f"the evidence of {names} is read from how many components hold units (runs 2, 3, 5" in comparison.reading


def test_ways_that_do_not_agree_leave_the_evidence_unsure(samplers, monkeypatch):
    from mcmix.api import compare as module

    real = module.occupied_evidence

    def wrong(models, calls):
        found = real(models, calls)
        found.shared.logs[found.names.index(5)] += 3.0
        return found

    monkeypatch.setattr(module, "occupied_evidence", wrong)
    found = mc.compare(samplers, leave_one_out=False)
    assert np.isinf(found.table["evidence_error"]["5"]) and "the evidence of 5 is unsure" in found.reading


@pytest.mark.parametrize(
    "other", [{"sigma": 2.1}, {"concentration": 0.5}, {"hierarchical": True}], ids=["prior", "concentration", "levels"]
)
def test_components_that_differ_are_not_taken_for_alike(samplers, other):
    different = sampled(mixture(3, **other), iterations=300, burn=100)
    first = exchangeable(samplers[2])
    assert alike(first, exchangeable(samplers[3]), samplers[2].draws())
    assert not alike(first, exchangeable(different), samplers[2].draws())


def test_other_data_are_refused_as_ever(samplers):
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=2), size=8)
    other = [mc.Mixture("y", z, mc.Normal, mc.Normal("mu", 0, 1, size=2), 1.0, value=X + 1.0, observed=True)]
    with pytest.raises(mc.ModelError, match="expected models of the same data"):
        mc.compare({2: samplers[2], "other": sampled(other, iterations=300, burn=100)})


def test_an_unknown_number_alone_is_sent_elsewhere(samplers):
    with pytest.raises(mc.ModelError, match="expected a model whose number of components is known, got none"):
        mc.compare({"unknown": samplers["unknown"]})


def test_weights_with_a_prior_of_their_own_or_told_apart():
    told = mc.Normal("mu", [0.0, 1.0], 1.0)
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=2), size=8)
    y = mc.Mixture("y", z, mc.Normal, told, 1.0, value=X, observed=True)
    assert exchangeable(sampled([y], iterations=200, burn=50)) is None
    a = mc.Gamma("a", 1.0, 1.0)
    assert exchangeable(sampled(mixture(2, concentration=a), iterations=200, burn=50)) is None
    alone = mc.Normal("x", mc.Normal("m", 0, 1), 1.0, value=X, observed=True)
    assert exchangeable(sampled([alone], iterations=200, burn=50)) is None

"""The exact posterior of small models against closed forms, and draws of samplers against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix import testing
from mcmix.pymc2 import OneOverX, Uninformative
from mcmix.testing.enumeration import parted
from tests import references as ref
from tests.harness import levels, structures

REALS = np.array([-1.3, 0.2, 0.9, 2.4, 3.1])
CUTS = np.array([-1.0, 0.5, 1.5, 3.0])
SHARE_CUTS = np.array([0.1, 0.3, 0.5, 0.7])


# -------------------------------------------------------------------- against closed forms


def below(exact: testing.Enumeration, name: str, cuts: np.ndarray) -> np.ndarray:
    return np.stack([exact.cdf(name, np.full(exact.marginals[name].shape, c)) for c in cuts], -1)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_normal_means(k: int):
    prior = [1.0, 2.0, 1.5][:k]
    z: Any = mc.Categorical("z", mc.Dirichlet("w", prior), size=5)
    mu: Any = mc.Normal("mu", 1.0, 0.2, size=k)
    found = testing.enumerated([mc.Normal("y", mu[z], 1.5, value=REALS, observed=True)])
    components = [ref.normal_mean(REALS, 1.0, 0.2, 1.5, CUTS)] * k
    exact = ref.enumerated(components, 5, ref.dirichlet_label_prior(prior))
    logs = ref.dirichlet_label_prior(prior)(exact.labels)
    logs = logs + sum(c.log_evidence[exact.owned[:, j]] for j, c in enumerate(components))
    np.testing.assert_array_equal(found.labels["z"], exact.labels)
    np.testing.assert_allclose(found.probabilities, exact.probabilities, rtol=1e-6)
    np.testing.assert_allclose(found.memberships("z"), exact.memberships, rtol=1e-6)
    np.testing.assert_allclose(found.log_evidence, ref.logsumexp(logs), rtol=1e-9)
    np.testing.assert_allclose(found.mean("mu"), exact.expected("mean"), rtol=1e-6)
    np.testing.assert_allclose(below(found, "mu", CUTS), exact.expected("below"), atol=2e-4)
    weights = ref.dirichlet_expectations(exact, prior, SHARE_CUTS)
    np.testing.assert_allclose(found.mean("w"), weights["mean"], rtol=1e-6)
    if k > 1:
        np.testing.assert_allclose(below(found, "w", SHARE_CUTS), weights["below"], atol=2e-3)


def test_means_and_precisions_hang_together():
    mu, tau = mc.Normal("mu", 0.0, 0.5, size=2), mc.Gamma("tau", 2.0, 1.0, size=2)
    y = mc.Mixture("y", [0.3, 0.7], mc.Normal, mu, tau, value=REALS, observed=True)
    found = testing.enumerated([y])
    rates = np.array([0.3, 1.0, 2.0])
    component = ref.normal_mean_and_precision(REALS, 0.0, 0.5, 2.0, 1.0, CUTS, rates)
    exact = ref.enumerated([component] * 2, 5, ref.fixed_label_prior([0.3, 0.7]))
    np.testing.assert_allclose(found.probabilities, exact.probabilities, atol=1e-4)
    np.testing.assert_allclose(below(found, "mu", CUTS), exact.expected("below"), atol=1e-3)
    np.testing.assert_allclose(below(found, "tau", rates), exact.expected("precision below"), atol=1e-3)


def test_one_number_with_a_heavy_tail():
    """No labels at all: the posterior is the prior where a row says nothing."""
    known = mc.Normal("y", 0.0, 1.0, value=[0.3], observed=True)
    found = testing.enumerated([mc.Cauchy("x", 1.0, 2.0), known])
    shares = np.array([0.01, 0.2, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(found.quantiles("x", shares), stats.cauchy(1.0, 2.0).ppf(shares), rtol=2e-3)
    np.testing.assert_allclose(found.log_evidence, stats.norm.logpdf(0.3), rtol=1e-7)


def test_spread_and_quantiles():
    found = testing.enumerated([mc.Normal("y", mc.Normal("mu", 0.0, 1.0), 3.0, value=[2.0], observed=True)])
    law = stats.norm(1.5, 0.5)
    assert found.mean("mu") == pytest.approx(1.5)
    assert found.sd("mu") == pytest.approx(0.5)
    np.testing.assert_allclose(found.quantiles("mu", [0.1, 0.5]), law.ppf([0.1, 0.5]), atol=1e-3)


def test_discrete_unknowns_of_several_kinds():
    """A switch for all rows beside a label for each."""
    switch, z = mc.Bernoulli("switch", 0.3), mc.Categorical("z", [0.4, 0.6], size=2)
    mean = mc.Lambda("mean", lambda s=switch, z=z: 1.0 + 2.0 * s + z)
    y = mc.Normal("y", mean, 1.0, value=[2.0, 4.5], observed=True)
    found = testing.enumerated([y])
    combined = [(s, (a, b)) for s in (0, 1) for a in (0, 1) for b in (0, 1)]
    weight = {(s, k): stats.norm.pdf([2.0, 4.5], 1.0 + 2.0 * s + k) * (0.4, 0.6)[k] for s in (0, 1) for k in (0, 1)}
    joint = np.array([(0.7, 0.3)[s] * weight[s, a][0] * weight[s, b][1] for s, (a, b) in combined])
    listed = {
        (int(s), *z): p
        for s, z, p in zip(found.labels["switch"], found.labels["z"].tolist(), found.probabilities, strict=True)
    }
    for (s, labels), p in zip(combined, joint / joint.sum(), strict=True):
        assert listed[(s, *labels)] == pytest.approx(p)
    assert found.log_evidence == pytest.approx(np.log(joint.sum()))


def test_partitions():
    np.testing.assert_array_equal(parted(np.array([[2, 0, 2, 1], [1, 1, 0, 0]])), [[0, 1, 0, 2], [0, 0, 1, 1]])
    z = mc.Categorical("z", [0.5, 0.5], size=3)
    found = testing.enumerated([mc.Normal("y", 1.0 * z, 1.0, value=np.zeros(3), observed=True)])
    partitions, probabilities = found.partitions("z")
    assert len(partitions) == 4
    assert probabilities.sum() == pytest.approx(1.0)
    same = found.probabilities[(found.labels["z"] == found.labels["z"][:, :1]).all(1)].sum()
    assert probabilities[0] == pytest.approx(same)


# -------------------------------------------------------------------- what is too large, or no posterior


def too_many_labels() -> Any:
    return mc.Mixture(
        "y", [0.2, 0.3, 0.5], mc.Normal, mc.Normal("mu", 0, 1, size=3), 1.0, value=np.zeros(12), observed=True
    )


def too_many_together() -> Any:
    beta = mc.Normal("beta", 0.0, 1.0, size=4)
    return mc.Normal("y", mc.Lambda("line", lambda b=beta: np.ones((5, 4)) @ b), 1.0, value=np.zeros(5), observed=True)


def without_end() -> Any:
    return mc.Normal("y", 0.1 * mc.Poisson("n", 3.0), 1.0, value=[1.0], observed=True)


def improper() -> Any:
    flat = Uninformative("flat", value=0.0)
    return [flat, mc.Normal("y", 0.0, 1.0, value=[1.0], observed=True)]


def improper_given_labels() -> Any:
    flat = OneOverX("flat", value=1.0)
    return [flat, mc.Normal("y", 0.0, 1.0, value=[1.0], observed=True)]


REFUSED = {
    "combinations": (too_many_labels, r"at most 20000 combinations .* got 5.31e\+05 \(.*: 3 values, 12 entries\)"),
    "coordinates": (too_many_together, r"at most 3 continuous numbers .* got 4 \(beta\[0\], "),
    "values": (without_end, "n: expected a discrete unknown with finitely many"),
    "improper": (improper, "flat: no density depends on it"),
    "improper below": (improper_given_labels, "flat: its density does not fall off"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_enumerated_is_refused(what: str):
    build, message = REFUSED[what]
    with pytest.raises(mc.ModelError, match=message):
        testing.enumerated(build())


# -------------------------------------------------------------------- samplers


def poisson_rates() -> Any:
    rate: Any = mc.Gamma("rate", 2.0, 0.5, size=2)
    z: Any = mc.Categorical("z", mc.Dirichlet("w", [1.0, 2.0]), size=5)
    return mc.Poisson("y", rate[z], value=[0, 3, 1, 4, 2], observed=True)


def three_exchangeable_means() -> Any:
    mu: Any = mc.Normal("mu", 0.0, 0.5, size=3)
    z: Any = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0, 1.0]), size=4)
    return mc.Normal("y", mu[z], 1.0, value=[-1.0, 0.0, 0.5, 4.0], observed=True)


def means_and_precisions() -> Any:
    mu, tau = mc.Normal("mu", [-0.5, 0.5], 0.5), mc.Gamma("tau", 3.0, 3.0, size=2)
    z = mc.Categorical("z", [0.4, 0.6], size=4)
    return mc.Mixture("y", z, mc.Normal, mu, tau, value=[-1.0, 0.2, 0.6, 2.0], observed=True)


def scales_by_slices() -> Any:
    sd: Any = mc.HalfStudentT("sd", 5.0, 1.0, size=2)
    z: Any = mc.Categorical("z", [0.5, 0.5], size=4)
    return mc.Normal("y", 0.0, sd[z] ** -2.0, value=[-1.0, 0.2, 0.6, 2.0], observed=True)


def a_switch_and_a_probability() -> Any:
    p, switch = mc.Beta("p", 2.0, 1.5), mc.Bernoulli("switch", 0.3)
    chance = mc.Lambda("chance", lambda p=p, s=switch: p * (1.0 - 0.5 * s))
    return mc.Binomial("y", 4, chance, value=[1, 2, 0], observed=True)


def labels_in_a_chain() -> Any:
    return structures.a_chain_of_labels(4)


MODELS: dict[str, Callable[[], Any]] = {
    "Poisson rates": poisson_rates,
    "three exchangeable means": three_exchangeable_means,
    "means and precisions": means_and_precisions,
    "scales by slices": scales_by_slices,
    "a switch and a probability": a_switch_and_a_probability,
    "labels in a chain": labels_in_a_chain,
}
TESTS = 2 * len(MODELS)
FALSE_ALARM = levels.each("enumeration", TESTS)


@pytest.mark.parametrize("name", MODELS)
def test_a_right_sampler_passes(name: str):
    found = testing.enumeration_test([MODELS[name]()], replications=60, false_alarm=FALSE_ALARM, seed=80)
    assert found.passed, found


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_right_sampler_passes_a_longer_look(name: str):
    found = testing.enumeration_test([MODELS[name]()], replications=1000, stages=2, false_alarm=FALSE_ALARM, seed=81)
    assert found.passed, found


def test_the_sampled_model_has_the_same_names_and_data():
    def other(value: list[int]) -> mc.Model:
        return mc.Model([mc.Poisson("y", mc.Gamma("rate", 2, 1), value=value, observed=True)])

    for sampled, message in ((other([1, 2]), "names and shapes"), (other([3]), "expected the data y of the model")):
        with pytest.raises(mc.ModelError, match=message):
            testing.enumeration_test(other([1]), sampled)

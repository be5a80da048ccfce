"""Variational inference with hidden Markov labels: against sums over all states, and against Gibbs sampling."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import digamma, gammaln, logsumexp

import mcmix as mc
from tests.runs import sampler

sampled = sampler(iterations=3000, burn=500, chains=2)


def data(n=300, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    states = np.zeros(n, dtype=int)
    for t in range(1, n):
        states[t] = rng.random() < (0.05, 0.9)[states[t - 1]]
    return states, rng.normal(apart * states, 1.0)


def model(x, lengths=None, mean=None, initial=None):
    k = 2
    transitions = mc.Dirichlet("P", np.ones((k, k)) + np.eye(k))
    initial = mc.Dirichlet("first", np.ones(k)) if initial is None else initial
    z = mc.MarkovChain("z", initial, transitions, lengths=[len(x)] if lengths is None else lengths)
    mu = mc.Normal("mu", 1.0, 0.1, size=k) if mean is None else mean
    return mc.Normal("y", mu[z], 1.0, value=x, observed=True)


def fitted(y, **options):
    q = mc.VB([y])
    q.update(3000, options.pop("tol", 1e-12), seed=1, verbose=False, **{"restarts": 4, **options})
    return q


def divergence(a, prior):
    """Of Dirichlet factors, rows of concentrations, from their priors."""
    logs = digamma(a) - digamma(a.sum(-1, keepdims=True))
    constants = gammaln(a.sum(-1)) - gammaln(a).sum(-1) - gammaln(prior.sum(-1)) + gammaln(prior).sum(-1)
    return float((constants + ((a - prior) * logs).sum(-1)).sum())


@pytest.mark.parametrize("lengths", [[6], [2, 4]])
def test_the_bound_and_the_states_are_those_of_all_sequences(lengths):
    """Known means: the factor of the states is a sum over 2^6 sequences with expected logs in the place of logs."""
    x = np.array([0.1, 2.7, 3.2, 0.4, 2.9, 3.1])
    q = fitted(model(x, lengths, mean=Known(np.array([0.0, 3.0]))))
    pairs_prior, first_prior = np.ones((2, 2)) + np.eye(2), np.ones(2)
    a = np.asarray(q._engine.posteriors[_node(q, "P")].state[0])
    f = np.asarray(q._engine.posteriors[_node(q, "first")].state[0])[0]
    log_a, log_f = digamma(a) - digamma(a.sum(1, keepdims=True)), digamma(f) - digamma(f.sum())
    begins = np.cumsum([0, *lengths[:-1]])
    logs, sequences = [], list(product(range(2), repeat=6))
    for z in sequences:
        total = -0.5 * ((x - 3.0 * np.array(z)) ** 2 + np.log(2.0 * np.pi)).sum()
        total += sum(log_f[z[t]] if t in begins else log_a[z[t - 1], z[t]] for t in range(6))
        logs.append(total)
    weights = np.exp(np.array(logs) - logsumexp(logs))
    bound = logsumexp(logs) - divergence(a, pairs_prior) - divergence(f[None], first_prior[None])
    assert q.bound[-1] == pytest.approx(bound, rel=1e-9)
    shares = np.zeros((6, 2))
    pairs, firsts = np.zeros((2, 2)), np.zeros(2)
    for z, w in zip(sequences, weights, strict=True):
        for t in range(6):
            shares[t, z[t]] += w
            if t in begins:
                firsts[z[t]] += w
            else:
                pairs[z[t - 1], z[t]] += w
    np.testing.assert_allclose(q.memberships(), shares, atol=1e-7)
    np.testing.assert_allclose(a, pairs_prior + pairs, atol=1e-5)  # where the ascent came to rest
    np.testing.assert_allclose(f, first_prior + firsts, atol=1e-5)


class Known:
    """Known means, looked up by label."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, z):
        return mc.Index("known", self.values, z, trace=False)


def _node(q, name):
    return next(n for n in q._engine.posteriors if n.name == name)


def test_states_and_parameters_are_those_of_gibbs_sampling():
    states, x = data()
    q, m = fitted(model(x)), sampled([model(x)], 2)
    order = np.argsort(np.ravel(q["mu"].moments.first))
    found = q.memberships()[:, order].argmax(1)
    assert (found == states).mean() > 0.93
    draws = np.sort(m.trace("mu")[:], axis=1)
    assert np.abs(np.sort(np.ravel(q["mu"].moments.first)) - draws.mean(0)).max() < 0.15
    assert q.bound[-1] < mc.evidence(m).log + 0.5  # a lower bound


def test_the_bound_never_falls_and_starts_differ():
    _, x = data(200, 1.5)
    q = fitted(model(x), restarts=6)
    assert (np.diff(q.bound) > -1e-9 * abs(q.bound[-1])).all() and q.bound[-1] > -1e4


def test_missing_units_stand_between_others():
    states, x = data(200)
    x = np.ma.masked_array(np.column_stack([x, x]), np.zeros((200, 2), bool))
    x[50:53] = np.ma.masked
    transitions = mc.Dirichlet("P", np.ones((2, 2)) + 5.0 * np.eye(2))
    z = mc.MarkovChain("z", [0.5, 0.5], transitions, size=200)
    mu = mc.MvNormal("mu", np.ones(2), 0.1 * np.eye(2), size=2)
    q = fitted(mc.MvNormal("y", mu[z], np.eye(2), value=x, observed=True), tol=1e-9)
    shares = q.memberships()
    np.testing.assert_allclose(shares.sum(1), 1.0)
    assert shares[51].max() < 1.0 - 1e-6 and np.isfinite(q.bound[-1])


def test_known_transitions_and_what_is_not_conjugate():
    _, x = data(60)
    z = mc.MarkovChain("z", [1.0, 0.0], [[0.9, 0.1], [0.2, 0.8]], size=60)
    mu = mc.Normal("mu", 1.0, 0.1, size=2)
    q = fitted(mc.Normal("y", mu[z], 1.0, value=x, observed=True), tol=1e-9)
    assert q.memberships()[0, 0] == pytest.approx(1.0)  # it begins in state 0
    stay = mc.Beta("stay", 9.0, 1.0)
    z = mc.MarkovChain("z", [0.5, 0.5], [[stay, 1.0 - stay], [1.0 - stay, stay]], size=60)
    with pytest.raises(mc.ModelError, match="VB: z is not conjugate"):
        mc.VB([mc.Normal("y", mu[z], 1.0, value=x, observed=True)])


def test_new_rows_have_no_place_in_a_chain():
    _, x = data(60)
    q = fitted(model(x), tol=1e-8)
    for ask in (q.predict_logpdf, q.memberships):
        with pytest.raises(mc.ModelError, match="new rows have no place in it"):
            ask([0.0, 1.0])

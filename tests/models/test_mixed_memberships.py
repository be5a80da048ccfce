"""Topic models (latent Dirichlet allocation): every word has a label, every document its own weights of the topics."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

import mcmix as mc
from mcmix.steps import plan
from mcmix.structure.component_tables import component_tables
from mcmix.structure.weights_by_row import tables_of_weights_by_row
from mcmix.testing import joint_test
from tests.harness import levels
from tests.runs import sampler, steps_of

sampled = sampler(iterations=1500, burn=500, chains=2)


def topics(words, documents, k, vocabulary, alpha=0.5, trace=False):
    theta = mc.Dirichlet("theta", np.broadcast_to(np.asarray(alpha, float), k), size=int(documents.max()) + 1)
    phi = mc.Dirichlet("phi", np.full(vocabulary, 0.5), size=k)
    z = mc.Categorical("z", theta[documents], size=len(words), trace=trace)
    return mc.Categorical("words", phi[z], value=words, observed=True)


def corpus(n_documents=40, length=40, seed=3):
    """Two topics with words of their own, and documents that mix them."""
    rng = np.random.default_rng(seed)
    phi = np.array([[0.3, 0.3, 0.3, 0.03, 0.03, 0.04], [0.03, 0.03, 0.04, 0.3, 0.3, 0.3]])
    share = rng.beta(0.7, 0.7, n_documents)
    documents = np.repeat(np.arange(n_documents), length)
    z = (rng.random(len(documents)) < share[documents]).astype(int)
    return np.array([rng.choice(6, p=phi[k]) for k in z]), documents, share, phi


def test_all_steps_are_exact_draws():
    words, documents, *_ = corpus(5, 10)
    found = {name: step.name for name, step in steps_of(mc.MCMC([topics(words, documents, 3, 6)])).items()}
    assert found == {"z": "collapsed topics", "theta": "conjugate Gibbs", "phi": "conjugate Gibbs"}


@pytest.mark.parametrize("collapsed", [True, False], ids=["collapsed", "blocked"])
def test_topics_of_few_words_by_enumeration(collapsed, monkeypatch):
    """All 2^6 topics of six words in two documents, proportions and words of topics summed out."""
    words, documents = np.array([0, 1, 0, 2, 2, 1]), np.array([0, 0, 0, 1, 1, 1])
    alpha, beta = np.array([0.7, 1.5]), 0.5
    logs, labels = [], list(product(range(2), repeat=6))
    for z in map(np.array, labels):
        in_document = np.array([np.bincount(z[documents == d], minlength=2) for d in range(2)])
        in_topic = np.array([np.bincount(words[z == t], minlength=3) for t in range(2)])
        logs.append(
            gammaln(in_document + alpha).sum()
            + gammaln(in_topic + beta).sum()
            - gammaln(in_topic.sum(1) + 3 * beta).sum()
        )
    exact = np.exp(np.array(logs) - logsumexp(logs))
    if not collapsed:
        monkeypatch.setattr(plan, "with_topics", lambda asked, structure: [])
    m = mc.MCMC([topics(words, documents, 2, 3, alpha, trace=True)], marginal_moves=False)
    m.sample(40_500, 500, chains=1, seed=3, progress_bar=False)
    drawn = m.trace("z")[:].astype(int) @ (2 ** np.arange(6)[::-1])
    shares = np.bincount(drawn, minlength=64) / len(drawn)
    thinned = 1 if collapsed else 4  # draws for an independent one, at least
    assert (np.abs(shares - exact) < 5.0 * np.sqrt(exact * thinned / len(drawn)) + 1e-4).all()


def test_topics_are_exchangeable_with_each_documents_weights():
    words, documents, *_ = corpus(5, 10)
    m = mc.MCMC([topics(words, documents, 3, 6)])
    block, structure = m.assembled.label_blocks[0], m.assembled.structure
    tables = component_tables(block, structure)
    assert tables.whole and len(tables.tables) == 5 + 6  # a weight in each document, and one of each word
    assert {n.name for n in tables_of_weights_by_row(block, structure)} == {"theta"}
    told = mc.MCMC([topics(words, documents, 3, 6, alpha=[0.5, 0.5, 2.0])])
    apart = component_tables(told.assembled.label_blocks[0], told.assembled.structure)
    assert apart.classes == [[0, 1], [2]] and apart.told_apart == "the priors differ: theta"


def test_weights_that_do_not_change_places_are_seen():
    words, documents, *_ = corpus(5, 10)
    theta = mc.Dirichlet("theta", np.ones(2), size=5)

    @mc.deterministic(trace=False)
    def weights(theta=theta):
        first = 0.2 + 0.6 * theta[:, 0] ** 2
        return np.stack([first, 1.0 - first], axis=1)

    z = mc.Categorical("z", weights[documents], size=len(words))
    y = mc.Categorical("words", mc.Dirichlet("phi", np.ones(6), size=2)[z], value=words, observed=True)
    m = mc.MCMC([y])
    assert tables_of_weights_by_row(m.assembled.label_blocks[0], m.assembled.structure) == {}
    assert "weights vary by row" in str(m.explain())


def test_the_joint_distribution_stays():
    words, documents = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1])
    model = mc.Model([topics(words, documents, 2, 3, alpha=2.0, trace=True)])
    result = joint_test(model, replications=80, sweeps=10, false_alarm=levels.each("samplers", 100), seed=4)
    assert result.passed, result


def test_topics_are_found_and_named_alike_in_all_chains():
    words, documents, share, phi = corpus()
    m = sampled([topics(words, documents, 2, 6)], 2, 5000, 500)
    assert m.diagnose().ok, m.diagnose()
    found = mc.relabel(m).posterior
    means = found["phi"].mean(("chain", "draw")).to_numpy()
    order = np.argsort(means[:, 3])
    assert np.abs(means[order] - phi).max() < 0.06
    weights = found["theta"].mean(("chain", "draw")).to_numpy()[:, order[1]]
    assert np.corrcoef(weights, share)[0, 1] > 0.95


@pytest.mark.parametrize("k", [2, 3])
def test_responsibilities_of_words_are_those_of_their_document(k):
    words, documents, *_ = corpus(10, 20)
    found = mc.classify(sampled([topics(words, documents, k, 6)], 2, 300, 100, quiet=True)).probabilities
    assert found.shape == (200, k)
    np.testing.assert_allclose(found.sum(1), 1.0)


@pytest.mark.parametrize("kind", ["three documents", "two data", "normal words", "known topics", "words twice"])
def test_other_models_are_no_topics(kind):
    words, documents, *_ = corpus(3, 10)
    theta, phi = mc.Dirichlet("theta", np.ones(2), size=3), mc.Dirichlet("phi", np.ones(6), size=2)
    z = mc.Categorical("z", theta[documents], size=30)
    data = [mc.Categorical("words", phi[z], value=words, observed=True)]
    if kind == "three documents":  # proportions that say more than topics of words
        data.append(mc.Normal("more", theta[:, 0], 1.0, value=np.zeros(3), observed=True))
    if kind == "two data":
        data.append(mc.Normal("length", mc.Normal("mu", 0.0, 1.0, size=2)[z], 1.0, value=np.zeros(30), observed=True))
    if kind == "normal words":
        data = [mc.Normal("words", mc.Normal("mu", 0.0, 1.0, size=2)[z], 1.0, value=words, observed=True)]
    if kind == "known topics":
        known = np.ma.masked_array(np.zeros(30, int), np.arange(30) > 2)
        z = mc.Categorical("z", theta[documents], value=known, observed=True)
        data = [mc.Categorical("words", phi[z], value=words, observed=True)]
    if kind == "words twice":
        data.append(mc.Categorical("again", phi[z], value=words, observed=True))
    m = mc.MCMC(data)
    assert not any(s.name == "collapsed topics" for s in m.step_methods)
    with pytest.raises(mc.ModelError, match="no topics of words that documents mix|expected labels of words"):
        m.use_step_method(mc.CollapsedTopics, "z")

"""What came out of a run is an object of its own: everything after the run takes it, and it stays as it is."""

import pickle

import numpy as np
import pytest

import mcmix as mc


def model() -> list:
    x = np.random.default_rng(1).normal(np.arange(60) % 2 * 6.0, 1.0)
    w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 3, sigma=5, size=2)
    z = mc.Categorical("z", w, size=60)
    return [w, mu, z, mc.Normal("y", mu[z], 1.0, value=x, observed=True)]


@pytest.fixture(scope="module")
def sampler() -> mc.MCMC:
    return mc.MCMC(model()).sample(300, 100, seed=1, chains=2, progress_bar=False)


@pytest.fixture(scope="module")
def posterior(sampler) -> mc.Posterior:
    return sampler.posterior


@pytest.mark.parametrize(
    "asked",
    [
        lambda p: p.trace("mu")[:],
        lambda p: p.deviance,
        lambda p: p.summary().to_numpy(),
        lambda p: p.memberships(),
        lambda p: p.predict_logpdf([0.0, 3.0]),
        lambda p: p.posterior_predictive(20, seed=1)["y"],
        lambda p: mc.relabel(p)["posterior"]["mu"].values,
        lambda p: mc.classify(p).probabilities,
        lambda p: mc.partition(p).labels,
        lambda p: p.to_arviz(log_likelihood=True)["log_likelihood"]["y"].values,
    ],
)
def test_it_answers_as_the_sampler_does(sampler, posterior, asked):
    assert np.array_equal(asked(sampler), asked(posterior), equal_nan=True)


def test_its_verdict_is_the_samplers(sampler, posterior):
    assert posterior.verdict == sampler.verdict
    assert posterior.diagnose().verdict == sampler.diagnose().verdict


def test_it_stays_as_it_is_when_the_sampler_goes_on():
    m = mc.MCMC(model()).sample(50, 0, seed=1, chains=2, progress_bar=False)
    before = m.posterior
    kept = before.trace("mu")[:].copy()
    m.sample(70, progress_bar=False)
    assert np.array_equal(before.trace("mu")[:], kept)
    assert m.posterior.draws("all").n_draws == 120


def test_it_does_not_draw(posterior):
    assert not isinstance(posterior, mc.MCMC)
    assert not hasattr(posterior, "sample")


def test_it_is_pickled_whole(posterior):
    again = pickle.loads(pickle.dumps(posterior))
    assert np.array_equal(again.trace("mu")[:], posterior.trace("mu")[:])
    assert np.array_equal(again.memberships(), posterior.memberships())


def test_a_page_is_written_of_it(posterior, tmp_path):
    assert posterior.report(tmp_path).exists()


def test_without_draws_it_says_so():
    with pytest.raises(mc.ModelError, match="nothing was drawn yet"):
        mc.MCMC(model()).posterior.draws()


def test_what_was_read_is_one_too(sampler, tmp_path):
    read = mc.MCMC(model()).read(sampler.to_arviz())
    assert np.array_equal(read.posterior.trace("mu")[:], sampler.trace("mu")[:])


@pytest.fixture(scope="module")
def variational() -> tuple[mc.VB, mc.Posterior]:
    q = mc.VB(model()).update(seed=1, verbose=False)
    return q, q.posterior(1000, seed=2)


def test_variational_bayes_makes_one_too(variational, sampler):
    """What is asked of draws is answered from the factors: the same numbers but for Monte Carlo error."""
    q, found = variational
    assert isinstance(found, mc.Posterior) and found.draws().n_chains == 1 and found.draws().n_draws == 1000
    error = found.trace("mu")[:].std(0).max() / 1000**0.5
    assert found.trace("mu")[:].mean(0) == pytest.approx(q["mu"].mean, abs=5 * error)
    assert found.memberships() == pytest.approx(q.memberships(), abs=0.02)
    assert np.array_equal(mc.classify(found).classes, q.memberships().argmax(1))
    at = np.array([-1.0, 0.0, 3.0, 6.0])
    assert found.predict_logpdf(at) == pytest.approx(q.predict_logpdf(at), abs=0.05)
    assert np.isfinite(found.draws().statistics["lp"]).all()
    assert found.diagnose().verdict and mc.partition(found).labels.shape == (60,)


def test_draws_of_the_factors_come_again_with_the_seed(variational):
    q, found = variational
    assert np.array_equal(q.posterior(1000, seed=2).trace("z")[:], found.trace("z")[:])
    with pytest.raises(mc.ModelError, match=r"posterior: call update\(\) first"):
        mc.VB(model()).posterior()


def test_foreign_draws_make_one_too(sampler):
    """An ArviZ object read back is the same posterior."""
    again = mc.MCMC(sampler.model).read(sampler.to_arviz()).posterior
    assert isinstance(again, mc.Posterior)
    assert np.array_equal(again.trace("mu")[:], sampler.trace("mu")[:])

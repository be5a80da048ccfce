"""What explain and the verdict say is true: the first obstacle, certain labels, names that differ."""

import tracemalloc

import numpy as np
import pytest

import mcmix as mc
from mcmix.report.diagnosis.facts import Facts, LabelFacts
from mcmix.report.diagnosis.result import diagnosed
from mcmix.report.diagnosis.switching import switching
from mcmix.steps.explain import explanation
from mcmix.traces.memory import Draws
from tests import runs

X = np.random.default_rng(1).normal([[0.0], [40.0]], 1.0, (2, 30)).ravel()


sampled = runs.sampler(iterations=1000, burn=300, chains=None, seed=1, quiet=True)


def reason_of(nodes, name):
    return next(line for line in str(explanation(mc.MCMC(nodes).assembled)).splitlines() if line.startswith(f"{name}:"))


def test_the_reason_is_the_first_obstacle():
    """A precision under a log-normal prior: its children send gamma messages, and the prior is in the way."""
    tau = mc.Lognormal("tau", 0.0, 1.0)
    said = reason_of([mc.Normal("y", 0.0, tau, value=[0.5, 1.0], observed=True), tau], "tau")
    assert "prior is not conjugate to its gamma messages" in said and "normal message" not in said


def test_a_link_is_named_where_the_link_is_in_the_way():
    mu = mc.Normal("mu", 0, 1)
    mean = mc.Lambda("mean", lambda mu=mu: np.sin(mu))
    said = reason_of([mc.Normal("y", mean, 1.0, value=[0.5], observed=True), mu], "mu")
    assert "y's mean is no affine look-up of it" in said and "gamma" not in said


def test_a_prior_of_the_kind_goes_first():
    """Poisson counts have no message but to a rate: what is said is about the gamma kind, whose prior it has."""
    rate = mc.Gamma("rate", 2.0, 1.0)
    mean = mc.Lambda("mean", lambda rate=rate: np.exp(-rate))
    said = reason_of([mc.Poisson("y", mean, value=[1, 2], observed=True), rate], "rate")
    assert "y's parameter is no power of it" in said


def certain(step=None, **options):
    """Components so far apart that no label ever changes."""
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=60, value=np.repeat([0, 1], 30))
    mu = mc.Normal("mu", [0.0, 40.0], 0.01)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=X, observed=True), w, z, mu])
    if step is not None:
        m.use_step_method(step, z)
    return m.sample(1000, 300, seed=1, progress_bar=False, start={"mu": [0.0, 40.0]}, **options)


@pytest.mark.parametrize("step", [None, mc.DiscreteMetropolis])
def test_certain_labels_are_no_failure(step):
    m = certain(step)
    found = m.diagnose()
    assert found.ok, found.verdict
    assert "refused" not in repr(found)


def test_the_entropy_of_certain_labels_is_no_want_of_effective_draws():
    """One unit flickers in three draws of 4000: its entropy mixes as rare events do, and that is no harm."""
    rng = np.random.default_rng(2)
    labels = np.tile(np.repeat([0, 1], 20), (4, 1000, 1)).astype(np.uint8)
    labels[1, [200, 201, 700], 0] = 1
    draws = Draws({"z": labels, "mu": rng.normal(size=(4, 1000))}, {"lp": rng.normal(size=(4, 1000))})
    found = diagnosed(draws, Facts(labels={"z": LabelFacts(0, np.zeros(2, int))}), in_full=True)
    assert found.ok and "entropy" not in found.verdict


def test_entropies_that_differ_between_chains_are_still_told():
    rng = np.random.default_rng(2)
    labels = np.tile(np.repeat([0, 1], 20), (4, 1000, 1)).astype(np.uint8)
    labels[2] = 0
    draws = Draws({"z": labels, "mu": rng.normal(size=(4, 1000))}, {"lp": rng.normal(size=(4, 1000))})
    found = diagnosed(draws, Facts(labels={"z": LabelFacts(0, np.zeros(2, int))}), in_full=True)
    assert not found.ok


def test_names_that_differ_between_chains_are_called_so():
    """Priors that differ by a hair: every chain is right but for names, and that is what is said."""
    w = mc.Dirichlet("w", [5, 5])
    z = mc.Categorical("z", w, size=60)
    mu = mc.Normal("mu", [20.0, 20.001], 0.001)

    def opaque(mu, z):
        return np.array([float(mu[int(k)]) for k in z])

    mean = mc.Lambda("mean", lambda mu=mu, z=z: opaque(mu, z))
    m = mc.MCMC([mc.Normal("y", mean, 1.0, value=X, observed=True), w, z, mu])
    truth = np.repeat([0, 1], 30)
    starts = [{"mu": [0.0, 40.0], "z": truth}, {"mu": [40.0, 0.0], "z": 1 - truth}]
    runs = [
        mc.MCMC(m.model).sample(800, 300, chains=1, seed=i, progress_bar=False, start=s) for i, s in enumerate(starts)
    ]
    joined = Draws(
        {n: np.concatenate([r.draws().variables[n] for r in runs]) for n in ("mu", "z")},
        {n: np.concatenate([r.draws().statistics[n] for r in runs]) for n in runs[0].draws().statistics},
    )
    from mcmix.api.diagnosis import facts_of

    found = diagnosed(joined, facts_of(runs[0]), in_full=True)
    assert found.headline == "names differ between chains", found.verdict
    assert "disagree" not in found.verdict


@pytest.mark.slow
def test_the_look_at_names_needs_little_memory():
    k = 800
    rng = np.random.default_rng(3)
    draws = Draws({"mu": np.arange(k) + rng.normal(0, 0.01, (2, 60, k))})
    facts = LabelFacts(0, np.zeros(k, int), [[("mu", i) for i in range(k)]])
    tracemalloc.start()
    assert not switching(draws, facts).present
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6  # 100 draws x K x K numbers would be 500 MB


def test_a_verdict_that_finds_no_memory_leaves_the_draws(monkeypatch, capsys):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr("mcmix.api.diagnosis.at_a_glance", fails)
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1, value=[0.5], observed=True)]).sample(300, 100, seed=1, progress_bar=False)
    assert "left out for want of memory" in capsys.readouterr().err
    assert m.trace("mu")[:].shape == (800,)

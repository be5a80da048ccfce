"""The number of components and the names of the occupied ones, drawn by the kernel, beside plain NumPy."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

import mcmix as mc
from mcmix.kernels.driver import run_step
from mcmix.kernels.gibbs import NOT_A_NUMBER
from mcmix.kernels.growth import FULL
from mcmix.steps.base import Chain
from tests.references import assert_masses, assert_mean, assert_shares

DRAWS = 40_000
PRIOR = np.array([0.1, 0.2, 0.0, 0.3, 0.25, 0.15])
LABELS = np.array([4, 4, 4, 1, 1, 0, 4, 1])  # three clusters of 4, 3 and 1 units
CAPACITY = len(PRIOR)


@pytest.fixture(params=[False, True], ids=["static", "dynamic"])
def model(request):
    number = mc.NumberOfComponents("K", PRIOR)
    a = 1.3 / number if request.param else 0.6
    z = mc.Categorical("z", mc.Dirichlet("w", a, size=number), size=len(LABELS))
    mean = mc.Normal("mean", 0.0, 1.0, size=number)
    y = mc.Mixture("y", z, mc.Normal, mean, 1.0, value=np.arange(float(len(LABELS))), observed=True)
    return request.param, mc.MCMC([y]).assembled, (number, z, mean)


def calls_of(compiled, chain, name):
    return [c for step in compiled.steps if step.name == name for c in step.bind(chain)]


def started(compiled, nodes, seed):
    """A chain with these labels, six components, and means that say which component they began in."""
    chain = Chain(compiled.plan.layout, np.random.SeedSequence(seed))
    number, z, mean = nodes
    chain.put(number, CAPACITY)
    chain.put(z, LABELS)
    chain.put(mean, np.arange(float(CAPACITY)))
    compiled.label_passes[0].bound(chain).collect()
    return chain


def probabilities(dynamic):
    """p(K | partition), from the definition."""
    k, n = np.arange(1.0, CAPACITY + 1), len(LABELS)
    sizes = np.bincount(LABELS)[np.bincount(LABELS) > 0]
    a = 1.3 / k if dynamic else np.full(CAPACITY, 0.6)
    with np.errstate(divide="ignore"):
        logs = np.log(PRIOR) + gammaln(k + 1) - gammaln(np.maximum(k - len(sizes), 0) + 1)
    logs += gammaln(k * a) - gammaln(n + k * a)
    logs += sum(gammaln(size + a) - gammaln(a) for size in sizes)
    masses = np.where(k >= len(sizes), np.exp(logs - logs.max()), 0.0)
    return masses / masses.sum()


def test_number_and_names(model):
    dynamic, compiled, nodes = model
    number, z, mean = nodes
    chain = started(compiled, nodes, 5)
    call = calls_of(compiled, chain, "telescoping")[0]
    drawn, names = np.empty(DRAWS, dtype=int), np.empty((DRAWS, 3), dtype=int)
    for i in range(DRAWS):
        assert run_step(call.kernel, call.words, call.reals, chain.stream) == 0
        drawn[i], labels = chain.get(number), chain.get(z)
        names[i] = labels[[0, 3, 5]]  # a unit of each cluster
        assert labels.max() < drawn[i]
    assert_masses(drawn.reshape(4, -1) - 1, probabilities(dynamic), "K")
    for k in np.flatnonzero(probabilities(dynamic)) + 1:  # each injection of clusters into names is as likely
        own = names[drawn == k]
        own = own[: len(own) // 400 * 400].reshape(4, -1, 3)
        assert_shares(own[..., None] == np.arange(k), 1.0 / k, f"names of {k}")
        assert_shares((own[..., 0] < own[..., 1])[..., None], [0.5], f"order of names of {k}")
    labels, means = chain.get(z), chain.get(mean)
    assert [means[labels[i]] for i in range(len(LABELS))] == LABELS.tolist()  # parameters went along
    assert sorted(means) == list(range(CAPACITY))
    counts = chain.view(("units", z))
    assert counts.tolist() == np.bincount(labels, minlength=CAPACITY).tolist()  # and so did the sums


def test_weights_in_use(model):
    dynamic, compiled, nodes = model
    chain = started(compiled, nodes, 6)
    chain.put(nodes[0], 5)
    weights = compiled.structure.numbers[0].weights
    call = calls_of(compiled, chain, "conjugate Gibbs")
    call = next(c for c in call if c.step.variables == [weights])
    drawn = np.empty((DRAWS // 4, CAPACITY))
    for i in range(len(drawn)):
        assert run_step(call.kernel, call.words, call.reals, chain.stream) == 0
        drawn[i] = chain.get(weights)
    assert (drawn[:, 5:] == 0.0).all()
    np.testing.assert_allclose(drawn.sum(1), 1.0, rtol=1e-12)
    a = (1.3 / 5 if dynamic else 0.6) + np.bincount(LABELS, minlength=5)
    assert_mean(drawn[:, :5].reshape(4, -1, 5), a / a.sum(), "weights")
    assert_mean(drawn[:, :5].reshape(4, -1, 5) ** 2, a * (a + 1) / (a.sum() * (a.sum() + 1)), "squares of weights")


def test_a_concentration_that_is_no_number_is_reported():
    number, a = mc.NumberOfComponents("K", PRIOR), mc.Gamma("a", 2.0, 2.0)
    z = mc.Categorical("z", mc.Dirichlet("w", a, size=number), size=len(LABELS))
    mean = mc.Normal("mean", 0.0, 1.0, size=number)
    y = mc.Mixture("y", z, mc.Normal, mean, 1.0, value=np.arange(float(len(LABELS))), observed=True)
    compiled = mc.MCMC([y]).assembled
    chain = started(compiled, (number, z, mean), 7)
    chain.put(a, np.nan)
    call = calls_of(compiled, chain, "telescoping")[0]
    assert run_step(call.kernel, call.words, call.reals, chain.stream) == NOT_A_NUMBER
    assert chain.get(number) == CAPACITY  # as it was


def test_a_number_without_room_is_kept():
    """It is drawn once: a chain that gets room draws on with the same uniform."""
    number = mc.NumberOfComponents("K", stats.geom(0.15), room=5)
    z = mc.Categorical("z", mc.Dirichlet("w", 0.6, size=number), size=len(LABELS))
    y = mc.Mixture("y", z, mc.Normal, mc.Normal("mean", 0.0, 1.0, size=number), 1.0, value=LABELS * 1.0, observed=True)
    compiled = mc.MCMC([y]).assembled
    chain = Chain(compiled.plan.layout, np.random.SeedSequence(9))
    step = next(s for s in compiled.steps if s.name == "telescoping")
    (call,) = step.bind(chain)
    growth, beyond = chain.view(("growth", step)), np.zeros(DRAWS // 4, bool)
    for i in range(len(beyond)):
        chain.put(number, 5)
        chain.put(z, LABELS)
        compiled.label_passes[0].bound(chain).collect()
        growth[:] = 1.0, 0.0
        beyond[i] = run_step(call.kernel, call.words, call.reals, chain.stream) == FULL
        if beyond[i]:
            kept = growth[1]
            assert kept > 0.0 and chain.get(number) == 5
            assert run_step(call.kernel, call.words, call.reals, chain.stream) == FULL and growth[1] == kept
        else:
            assert growth[1] == 0.0 and chain.get(number) <= 5
    k, n = np.arange(1.0, number.most + 1.0), len(LABELS)
    logs = np.log(number.probabilities) + gammaln(k + 1.0) - gammaln(np.maximum(k - 3.0, 0.0) + 1.0)
    masses = np.where(k >= 3, np.exp(logs + gammaln(0.6 * k) - gammaln(n + 0.6 * k)), 0.0)
    assert_shares(beyond[None, :, None], [masses[5:].sum() / masses.sum()], "numbers beyond the room")

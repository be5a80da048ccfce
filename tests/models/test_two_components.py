"""The two-component normal model: held to its marginal posterior, found by importance sampling and by a random walk."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.report.arviz_measures import rhat
from tests import runs
from tests.references import SIGMAS, TwoNormals, assert_mean, chains_of, mean_and_error
from tests.synthetic import two_groups_of_heights

ELEMENTS = [("p", None), ("mu", 0), ("mu", 1), ("sd", 0), ("sd", 1)]
SEEDS = [11, 12, 13, 14, 15]
ALL_SEEDS = list(range(100, 120))


@pytest.fixture(scope="module")
def data():
    return two_groups_of_heights()


@pytest.fixture(scope="module")
def reference(data):
    """Posterior moments with their own standard errors."""
    found = TwoNormals(data).importance(20000, seed=1)
    assert found.effective > 10000
    centre, error = found.expected(found.points)
    squares, square_error = found.expected((found.points - centre) ** 2)
    return {"mean": centre, "mean error": error, "variance": squares, "variance error": square_error}


def decorated(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    tau = 1.0 / sd**2
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def mu_i(z=z, mu=mu):
        return mu[z]

    @mc.deterministic
    def tau_i(z=z, tau=tau):
        return tau[z]

    y = mc.Normal("y", mu_i, tau_i, value=x, observed=True)
    return [p, z, y, tau, mu]


def operators(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    return [mc.Normal("y", mu[z], sd[z] ** -2, value=x, observed=True)]


def sigma_keyword(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    return [mc.Normal("y", mu[z], sigma=sd[z], value=x, observed=True)]


def lambdas(x):
    p = mc.Uniform("p", 0, 1)
    weights = mc.Lambda("weights", lambda p=p: np.stack([p, 1 - p]))
    z = mc.Categorical("z", weights, size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    mu_i = mc.Lambda("mu_i", lambda z=z, mu=mu: np.take(mu, z))
    tau_i = mc.Lambda("tau_i", lambda z=z, sd=sd: np.power(sd[z], -2.0))
    return [mc.Normal("y", mu_i, tau_i, value=x, observed=True)]


def arrays_made_inside(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", mc.Lambda("weights", lambda p=p: np.array([p, 1 - p])), size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    tau = mc.Lambda("tau", lambda sd=sd: np.array([1 / s**2 for s in sd]))
    return [mc.Normal("y", mu[z], tau[z], value=x, observed=True)]


def chosen_by_where(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def mu_i(z=z, mu=mu):
        return np.where(z == 0, mu[0], mu[1])

    @mc.deterministic
    def tau_i(z=z, sd=sd):
        return 1 / np.where(z == 0, sd[0], sd[1]) ** 2

    return [mc.Normal("y", mu_i, tau_i, value=x, observed=True)]


def index_nodes(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    tau = mc.Lambda("tau", lambda sd=sd: sd**-2.0)
    return [mc.Normal("y", mc.Index("mu_i", mu, z), mc.Index("tau_i", tau, z), value=x, observed=True)]


def dirichlet_weights(x):
    w = mc.Dirichlet("w", [1, 1])
    p = mc.Lambda("p", lambda w=w: w[0])
    z = mc.Categorical("z", w, size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    return [p, mc.Normal("y", mu[z], sd[z] ** -2, value=x, observed=True)]


def bernoulli_labels(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Bernoulli("z", 1 - p, size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def mu_i(z=z, mu=mu):
        return np.where(z, mu[1], mu[0])

    @mc.deterministic
    def tau_i(z=z, sd=sd):
        return np.where(z, sd[1], sd[0]) ** -2

    return [mc.Normal("y", mu_i, tau_i, value=x, observed=True)]


def lists_of_scalars(x):
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sds = [mc.Uniform("sd0", 0, 100), mc.Uniform("sd1", 0, 100)]
    means = [mc.Normal("mu0", 145, 0.01), mc.Normal("mu1", 210, 0.02)]
    sd = mc.Lambda("sd", lambda sds=sds: np.stack(sds))
    mu = mc.Lambda("mu", lambda means=means: np.hstack(means))
    tau_i = mc.Index("tau_i", [1 / s**2 for s in sds], z)
    return [mc.Normal("y", mc.Index("mu_i", means, z), tau_i, value=x, observed=True), mu, sd]


WAYS = [
    decorated,
    operators,
    sigma_keyword,
    lambdas,
    arrays_made_inside,
    chosen_by_where,
    index_nodes,
    dirichlet_weights,
    bernoulli_labels,
    lists_of_scalars,
]


sampled = runs.sampler(iterations=26_000, burn=1000)


def element(sampler, name, position):
    draws = chains_of(sampler, name)
    return draws if position is None else draws[:, :, position]


def all_elements(sampler):
    """Draws of the five parameters, shape (chains, draws, 5)."""
    return np.stack([element(sampler, *e) for e in ELEMENTS], -1)


def assert_moments(draws, reference):
    assert_mean(draws, reference["mean"], "means", reference["mean error"])
    squares = (draws - reference["mean"]) ** 2
    assert_mean(squares, reference["variance"], "variances", reference["variance error"])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_way_of_writing_it_has_the_marginal_posterior(way, data, reference):
    assert_moments(all_elements(sampled(way(data), iterations=10500, burn=500, seed=3)), reference)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_way_of_writing_it_is_understood(way, data):
    steps = {v.name: s.name for s in mc.MCMC(way(data)).assembled.steps for v in s.variables}
    assert steps.pop("z") == "label update"
    assert set(steps.values()) == {"conjugate Gibbs"}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_way_of_writing_it_offers_the_label_permutation_move(way, data):
    explained = [s.note for s in mc.MCMC(way(data)).assembled.steps if s.name == "label update"]
    names = "mu0, mu1" if way.__name__ == "lists_of_scalars" else "mu"
    assert explained == [f"plus a component-swap (Metropolis) move, because the priors differ: {names}"]


def test_memberships_agree_with_the_weights(data):
    sampler = sampled(decorated(data), iterations=5500, burn=500, seed=4)
    share = (chains_of(sampler, "z") == 0).mean(-1)
    p = chains_of(sampler, "p")
    n = len(data)  # E[p | z] = (n share + 1) / (n + 2)
    assert_mean(p - (n * share + 1) / (n + 2), 0.0, "p given the labels")


def assert_mixed(data, seed):
    draws = all_elements(sampled(decorated(data), iterations=4500, burn=500, seed=seed))
    assert np.all(rhat(draws) <= 1.01), rhat(draws)
    assert np.all(draws[:, :, 1] < draws[:, :, 2]), "a chain visited the label-swapped mode after burn-in"


@pytest.mark.parametrize("seed", SEEDS)
def test_chains_agree(data, seed):
    assert_mixed(data, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ALL_SEEDS)
def test_chains_agree_on_every_seed(data, seed):
    assert_mixed(data, seed)


def test_a_chain_put_into_the_swapped_mode_comes_back(data):
    swapped = {"mu": [200.0, 150.0], "sd": [20.0, 10.0], "p": 0.3, "z": (data < 175).astype(int)}
    sampler = mc.MCMC(decorated(data)).sample(300, 200, chains=4, seed=5, start=swapped, progress_bar=False)
    mu = chains_of(sampler, "mu")
    assert np.all(mu[:, :, 0] < mu[:, :, 1])


def test_without_the_label_permutation_move_a_swapped_chain_stays(data):
    """The test above could fail: weights that vary by row break the exchange, and the chain stays swapped."""
    weights = np.tile([0.7, 0.3], (len(data), 1))
    weights[0] = [0.69, 0.31]
    z = mc.Categorical("z", weights)
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)
    y = mc.Normal("y", mu[z], 0.005, value=data, observed=True)
    start = {"mu": [200.0, 150.0], "z": (data < 175).astype(int)}
    sampler = mc.MCMC([y]).sample(300, 200, chains=2, seed=5, start=start, progress_bar=False)
    assert np.all(chains_of(sampler, "mu", 2)[:, :, 0] > 180)


@pytest.mark.slow
def test_reference_and_random_walk_agree(data, reference):
    walk = TwoNormals(data).random_walk(64, 6000, 1000, seed=2)
    centre, error = mean_and_error(walk)
    assert np.all(np.abs(centre - reference["mean"]) < SIGMAS * np.hypot(error, reference["mean error"]))


def test_a_short_random_walk_on_the_marginal_posterior_agrees(data):
    walk = TwoNormals(data).random_walk(64, 2000, 500, seed=2)
    centre, error = mean_and_error(walk)
    draws = all_elements(sampled(decorated(data), iterations=10500, burn=500, seed=6))
    assert_mean(draws, centre, "means", error)


def test_draws_stand_in_the_units_of_the_issue(data):
    """The figures that the data were made with lie within four posterior standard deviations."""
    draws = all_elements(sampled(decorated(data), iterations=2500, burn=500, seed=7)).reshape(-1, 5)
    made_with = np.array([0.7, 150, 200, 10, 20])
    assert np.all(np.abs(draws.mean(0) - made_with) < 4 * draws.std(0))

"""Steps of the user's choice and of the user's own: stationary distributions, selection, tuning, refusals."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from tests import references as ref
from tests import runs
from tests.references import Gridded, assert_below, assert_law, assert_masses, assert_mean, assert_shares, chains_of

sampled = runs.sampler(iterations=20_000, burn=2000)


def served(nodes, step, on, seed, iterations=20_000, burn=2000, run=None, **options):
    """A sampler whose nodes `on` are moved by `step`, after its run."""
    m = mc.MCMC(nodes)
    m.use_step_method(step, on, **options)
    return sampled(m, seed, iterations, burn, **(run or {}))


def moved(draws):
    """Share of sweeps in which a number changed; draws (chains, draws)."""
    return float((np.diff(draws, axis=1) != 0).mean())


def one_datum(name="mu"):
    """Prior N(0, 1), one datum 3 of variance 1: the posterior is N(1.5, 0.5)."""
    mu = mc.Normal(name, 0.0, 1.0)
    return mu, mc.Normal(f"y of {name}", mu, 1.0, value=3.0, observed=True)


POSTERIOR = stats.norm(1.5, np.sqrt(0.5))


def positive_rate(name="rate", **keywords):
    """Gamma(2, 1) and the counts 3 and 5: the posterior is Gamma(10, 3)."""
    rate = mc.Gamma(name, 2.0, 1.0, **keywords)
    return rate, mc.Poisson(f"y of {name}", rate, value=[3, 5], observed=True)


RATE = stats.gamma(10.0, scale=1 / 3.0)


# -------------------------------------------------------------------- random walks on numbers


@pytest.mark.parametrize(
    "options", [{}, {"proposal_sd": 1.7}, {"scale": 0.3}, {"proposal_sd": 0.4, "scale": 3.0}], ids=str
)
def test_metropolis_on_a_number(options):
    mu, y = one_datum()
    m = served([mu, y], mc.Metropolis, mu, 1, 40_000, **options)
    assert_law(chains_of(m, "mu"), POSTERIOR)


@pytest.mark.parametrize("options", [{}, {"proposal_sd": 1.0}], ids=str)
def test_metropolis_on_a_positive_number(options):
    rate, y = positive_rate()
    m = served([rate, y], mc.Metropolis, rate, 2, 40_000, **options)
    assert_law(chains_of(m, "rate"), RATE)


def test_metropolis_on_a_vector_between_bounds():
    p = mc.Uniform("p", 0.0, 1.0, size=2)
    y = mc.Binomial("y", 6, p, value=[0, 4], observed=True)
    m = served([p, y], mc.Metropolis, p, 3, 40_000)
    for i, law in enumerate((stats.beta(1, 7), stats.beta(5, 3))):
        assert_law(chains_of(m, "p")[..., i], law)


def test_a_proposal_sd_is_on_the_scale_of_the_variable():
    """Without burn-in nothing adapts, and where the target is flat nearly every step is taken as proposed."""
    far = mc.Normal("far", 5000.0, 1e-6, value=5000.0)
    positive = mc.Gamma("positive", 25.0, 0.005, value=5000.0)
    child = mc.Normal("y", far + positive, 1e-12, value=0.0, observed=True)
    m = mc.MCMC([far, positive, child])
    m.use_step_method(mc.Metropolis, far, proposal_sd=0.5)
    m.use_step_method(mc.Metropolis, positive, proposal_sd=2.0)
    sampled(m, 4, 2000, 0, start={"far": 5000.0, "positive": 5000.0})
    for name, sd in (("far", 0.5), ("positive", 2.0)):
        steps = np.diff(chains_of(m, name), axis=1)
        assert (steps != 0).mean() > 0.98
        assert np.std(steps) == pytest.approx(sd, rel=0.05)  # 8000 steps: the error of a deviation is 0.8 %


# -------------------------------------------------------------------- proposals from the prior


def test_proposals_from_the_prior_of_a_number():
    mu, y = one_datum()
    m = served([mu, y], mc.Metropolis, mu, 5, 2500, 100, proposal_distribution="prior")
    assert_law(chains_of(m, "mu"), POSTERIOR)


@pytest.mark.slow
def test_proposals_from_a_prior_whose_parents_move():
    """The prior that proposes is the one at the present values of its parents."""
    centre = mc.Normal("centre", 0.0, 1.0)
    mu = mc.Normal("mu", centre, 1.0)
    y = mc.Normal("y", mu, 1.0, value=1.0, observed=True)
    m = served([centre, mu, y], mc.Metropolis, mu, 6, 2500, 100, proposal_distribution="prior")
    assert_law(chains_of(m, "mu"), stats.norm(2 / 3, np.sqrt(2 / 3)))
    assert_law(chains_of(m, "centre"), stats.norm(1 / 3, np.sqrt(2 / 3)))


@pytest.mark.slow
def test_proposals_from_the_prior_of_a_count():
    n = mc.Poisson("n", 4.0)
    y = mc.Binomial("y", n, 0.5, value=3, observed=True)
    m = served([n, y], mc.DiscreteMetropolis, n, 7, 2500, 100, proposal_distribution="prior")
    values = np.arange(40)
    masses = stats.poisson(4.0).pmf(values) * stats.binom(values, 0.5).pmf(3)
    assert_masses(chains_of(m, "n"), (masses / masses.sum())[:15])


def test_proposals_from_the_prior_of_a_yes_or_no():
    b = mc.Bernoulli("b", 0.3)
    y = mc.Normal("y", 2.0 * b, 1.0, value=1.5, observed=True)
    m = served([b, y], mc.BinaryMetropolis, b, 8, 2000, 100, proposal_distribution="prior")
    odds = np.array([0.7, 0.3]) * stats.norm([0.0, 2.0], 1.0).pdf(1.5)
    assert_masses(chains_of(m, "b"), odds / odds.sum())


# -------------------------------------------------------------------- whole numbers

WALKS = [
    {},
    {"proposal_distribution": "poisson"},
    {"proposal_distribution": "normal"},
    {"scale": 4.0},
    {"proposal_sd": 3},
]


@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("burn", [0, 500])
def test_a_flat_target_of_three_categories(start, burn):
    z = mc.Categorical("z", [1 / 3, 1 / 3, 1 / 3], value=start)
    m = served([z], mc.DiscreteMetropolis, z, 9, 20_000 + burn, burn, run={"start": {"z": start}})
    assert_masses(chains_of(m, "z"), [1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("options", WALKS, ids=str)
def test_a_count_that_starts_far_out(options):
    n = mc.Poisson("n", 2.5, value=15)
    m = served([n], mc.DiscreteMetropolis, n, 10, 22_000, 2000, run={"start": {"n": 15}}, **options)
    assert_masses(chains_of(m, "n"), stats.poisson(2.5).pmf(np.arange(11)))


BOUNDED = {
    "between positive bounds": (lambda: mc.DiscreteUniform("n", 2, 6), dict.fromkeys(range(2, 7), 0.2)),
    "across zero": (lambda: mc.DiscreteUniform("n", -3, 2), dict.fromkeys(range(-3, 3), 1 / 6)),
    "all negative": (lambda: mc.DiscreteUniform("n", -9, -7), dict.fromkeys(range(-9, -6), 1 / 3)),
    "successes": (lambda: mc.Binomial("n", 4, 0.7), dict(enumerate(stats.binom(4, 0.7).pmf(np.arange(5))))),
    "trials, from one": (
        lambda: mc.Geometric("n", 0.4),
        {k: float(stats.geom(0.4).pmf(k)) for k in range(1, 12)},
    ),
}


@pytest.mark.parametrize("sign", [{}, {"non_negative": False}, {"non_negative": True}, {"positive": True}], ids=str)
@pytest.mark.parametrize(("build", "masses"), BOUNDED.values(), ids=BOUNDED)
def test_supports_with_ends(build, masses, sign):
    n = build()
    m = served([n], mc.DiscreteMetropolis, n, 11, 20_000, 0, **sign)
    draws = chains_of(m, "n")
    assert_masses(draws, masses)
    assert draws.min() >= min(masses)


def test_a_count_whose_support_hangs_on_data():
    n = mc.Poisson("n", 4.0)
    y = mc.Binomial("y", n, 0.5, value=3, observed=True)
    m = served([n, y], mc.DiscreteMetropolis, n, 12)
    values = np.arange(40)
    masses = stats.poisson(4.0).pmf(values) * stats.binom(values, 0.5).pmf(3)
    assert_masses(chains_of(m, "n"), (masses / masses.sum())[:15])


def test_a_law_of_ones_own_on_all_whole_numbers():
    """Two-sided geometric: mass proportional to 0.6 ** abs(value - 2)."""

    @mc.stochastic(dtype=int)
    def n(value=7):
        return np.abs(value - 2) * np.log(0.6)

    m = mc.MCMC([n])
    m.use_step_method(mc.DiscreteMetropolis, n)
    sampled(m, 13, 30_000)
    assert_masses(chains_of(m, "n"), {k: 0.25 * 0.6 ** abs(k - 2) for k in range(-8, 12)})


def test_counts_in_a_vector():
    n = mc.Poisson("n", [1.0, 6.0, 20.0])
    y = mc.Normal("y", np.sum(n), 0.25, value=20.0, observed=True)
    m = served([n, y], mc.DiscreteMetropolis, n, 14, 40_000)
    grids = np.meshgrid(np.arange(14), np.arange(26), np.arange(50), indexing="ij")
    logs = sum(stats.poisson(r).logpmf(g) for r, g in zip([1.0, 6.0, 20.0], grids, strict=True))
    masses = ref.normalised(logs - 0.125 * (sum(grids) - 20.0) ** 2)
    draws = chains_of(m, "n")
    for i in range(3):
        exact = masses.sum(tuple({0, 1, 2} - {i}))
        keep = exact > 1e-4
        assert_masses(draws[..., i], {int(k): float(exact[k]) for k in np.flatnonzero(keep)})
    assert_mean(draws[..., 1] * draws[..., 2], (masses * grids[1] * grids[2]).sum())


# -------------------------------------------------------------------- two values


def test_yes_and_no_by_element():
    p = np.array([0.2, 0.5, 0.9])
    b = mc.Bernoulli("b", p)
    y = mc.Normal("y", 1.5 * b, 1.0, value=[1.5, 0.1, 0.6], observed=True)
    m = served([b, y], mc.BinaryMetropolis, b, 15, 8000)
    like = stats.norm([[0.0], [1.5]], 1.0).pdf([1.5, 0.1, 0.6])
    exact = p * like[1] / (p * like[1] + (1 - p) * like[0])
    assert_mean(chains_of(m, "b"), exact)


@pytest.mark.parametrize("options", [{}, {"p_jump": 0.4}], ids=str)
def test_yes_and_no_that_hang_together(options):
    """A normal child of the sum ties all four: against all sixteen vectors."""
    p = np.array([0.2, 0.5, 0.7, 0.4])
    b = mc.Bernoulli("b", p)
    weights = np.array([1.0, 2.0, -1.0, 0.5])

    @mc.deterministic
    def total(b=b):
        return np.dot(weights, b)

    y = mc.Normal("y", total, 2.0, value=1.4, observed=True)
    m = served([b, y], mc.BinaryMetropolis, b, 16, 20_000, **options)
    vectors = ref.label_vectors(4, 2)
    logs = (stats.bernoulli(p).logpmf(vectors)).sum(1) - (vectors @ weights - 1.4) ** 2
    exact = ref.normalised(logs)
    draws = chains_of(m, "b")
    assert_mean(draws, exact @ vectors)
    assert_masses(draws @ 2 ** np.arange(4)[::-1], exact)


def test_a_categorical_of_two():
    z = mc.Categorical("z", [0.3, 0.7], size=2)
    y = mc.Normal("y", 2.0 * z, 1.0, value=[0.4, 1.9], observed=True)
    m = served([z, y], mc.BinaryMetropolis, z, 17, 8000)
    like = np.array([[0.3], [0.7]]) * stats.norm([[0.0], [2.0]], 1.0).pdf([0.4, 1.9])
    assert_mean(chains_of(m, "z"), like[1] / like.sum(0))


# -------------------------------------------------------------------- slices


@pytest.mark.parametrize("options", [{}, {"w": 0.2}, {"w": 30.0}, {"doubling": True}, {"w": 2.0, "m": 50}], ids=str)
def test_the_prior_counts_in_a_slice(options):
    mu, y = one_datum()
    m = served([mu, y], mc.Slicer, mu, 18, **options)
    draws = chains_of(m, "mu")
    assert_law(draws, POSTERIOR)
    assert_mean(draws, 1.5)
    assert_mean((draws - 1.5) ** 2, 0.5)


@pytest.mark.parametrize("options", [{}, {"w": 0.5}], ids=str)
def test_slices_of_a_positive_number(options):
    rate, y = positive_rate()
    m = served([rate, y], mc.Slicer, rate, 19, **options)
    assert_law(chains_of(m, "rate"), RATE)


@pytest.mark.parametrize("options", [{}, {"w": 0.5}, {"w": 5.0}], ids=str)
def test_slices_between_bounds(options):
    p = mc.Uniform("p", 0.0, 1.0)
    y = mc.Bernoulli("y", p, value=[0, 0, 0, 1], observed=True)
    m = served([p, y], mc.Slicer, p, 20, **options)
    assert_law(chains_of(m, "p"), stats.beta(2, 4))


# -------------------------------------------------------------------- several variables at once


def tied_pair():
    """Two N(0, 1) whose sum was measured with variance 0.01: correlation -0.990."""
    a, b = mc.Normal("a", 0.0, 1.0), mc.Normal("b", 0.0, 1.0)
    return a, b, mc.Normal("y", a + b, 100.0, value=2.0, observed=True)


TIED = np.linalg.inv([[101.0, 100.0], [100.0, 101.0]])


def assert_tied(m):
    draws = np.stack([chains_of(m, name) for name in "ab"], -1)
    centre = TIED @ [200.0, 200.0]
    away = draws - centre
    assert_mean(draws, centre)
    assert_mean(away[..., :, None] * away[..., None, :], TIED)
    for i in range(2):
        assert_law(draws[..., i], stats.norm(centre[i], np.sqrt(TIED[i, i])))


HOW = {
    "by itself": lambda a, b: {},
    "cov": lambda a, b: {"cov": np.array([[0.6, -0.55], [-0.55, 0.6]])},
    "a poor cov": lambda a, b: {"cov": np.diag([4.0, 1e-4])},
    "scales": lambda a, b: {"scales": {a: 0.2, b: 0.3}},
    "old options": lambda a, b: {"delay": 100, "interval": 50, "greedy": False, "shrink_if_necessary": True},
}


@pytest.mark.parametrize("options", HOW.values(), ids=HOW)
def test_two_tied_variables_move_together(options):
    a, b, y = tied_pair()
    m = mc.MCMC([a, b, y])
    m.use_step_method(mc.AdaptiveMetropolis, [a, b], **options(a, b))
    assert m.step_method_dict[a] == m.step_method_dict[b]
    assert_tied(sampled(m, 21, 60_000, 5000))


def test_moving_together_pays():
    """One at a time, each of the two hardly gets from one end of the ridge to the other; together they do."""
    lagged = {}
    for how in ("apart", "together"):
        a, b, y = tied_pair()
        m = mc.MCMC([a, b, y])
        m.use_step_method(mc.AdaptiveMetropolis, *([[a, b]] if how == "together" else [a]))
        if how == "apart":
            m.use_step_method(mc.AdaptiveMetropolis, b)
        draws = chains_of(sampled(m, 22, 20_000, 5000), "a") - (TIED @ [200.0, 200.0])[0]
        lagged[how] = (draws[:, 30:] * draws[:, :-30]).mean() / TIED[0, 0]
    assert lagged["together"] < 0.2
    assert lagged["apart"] > 0.5


SHARED = {
    "by itself": lambda rate, p: {},
    "cov": lambda rate, p: {"cov": np.diag([4.0, 0.04])},
    "scales": lambda rate, p: {"scales": {rate: 1.0, p: 0.1}},
}


@pytest.mark.parametrize("options", SHARED.values(), ids=SHARED)
def test_a_positive_and_a_bounded_variable_move_together(options):
    """Only their product is in the likelihood: a bent ridge, against a grid."""
    rate, p = mc.Gamma("rate", 3.0, 0.5), mc.Uniform("p", 0.0, 1.0)
    y = mc.Poisson("y", rate * p, value=[3, 5, 4], observed=True)
    m = mc.MCMC([rate, p, y])
    m.use_step_method(mc.AdaptiveMetropolis, [rate, p], **options(rate, p))
    sampled(m, 23, 60_000, 5000)

    def log_density(r, q):
        return 2 * np.log(r) - 0.5 * r + 12 * np.log(r * q) - 3 * r * q

    for name, exact in zip(("rate", "p"), ref.gridded_pair(log_density, (0.0, 45.0), (0.0, 1.0)), strict=True):
        assert_law(chains_of(m, name), exact)


def test_a_vector_and_a_number_with_a_cov():
    """Three means whose posterior is normal with a precision matrix that is known."""
    mu, shift = mc.Normal("mu", 0.0, 1.0, size=2), mc.Normal("shift", 0.0, 1.0)
    y = mc.Normal("y", mu + shift, 4.0, value=[1.0, 2.0], observed=True)
    m = mc.MCMC([mu, shift, y])
    m.use_step_method(mc.AdaptiveMetropolis, [mu, shift], cov=0.2 * np.eye(3))
    sampled(m, 24, 60_000, 5000)
    precision = np.eye(3) + 4 * np.array([[1.0, 0, 1], [0, 1, 1], [1, 1, 2]])
    cover = np.linalg.inv(precision)
    centre = cover @ [4.0, 8.0, 12.0]
    draws = np.concatenate([chains_of(m, "mu"), chains_of(m, "shift")[..., None]], -1)
    for i in range(3):
        assert_law(draws[..., i], stats.norm(centre[i], np.sqrt(cover[i, i])))


# -------------------------------------------------------------------- positive definite matrices

INVERSE_SCALE = np.array([[2.0, 0.5], [0.5, 1.0]])


def assert_wishart(draws, freedom, inverse_scale):
    """Diagonal entries are scaled chi-squared; so is the inverse of each diagonal entry of the inverse."""
    scale = np.linalg.inv(inverse_scale)
    np.testing.assert_allclose(draws, np.swapaxes(draws, -1, -2), rtol=1e-9)
    assert (np.linalg.eigvalsh(draws) > 0).all()
    assert_mean(draws, freedom * scale)
    inverses = np.linalg.inv(draws)
    for i in range(2):
        assert_law(draws[..., i, i], stats.chi2(freedom, scale=scale[i, i]))
        assert_law(1 / inverses[..., i, i], stats.chi2(freedom - 1, scale=1 / inverse_scale[i, i]))


@pytest.mark.parametrize("options", [{}, {"scale": 0.1}], ids=str)
def test_a_wishart_by_itself(options):
    x = mc.Wishart("x", 5, INVERSE_SCALE)
    m = served([x], mc.PDMatrixMetropolis, x, 25, 60_000, 5000, **options)
    assert_wishart(chains_of(m, "x"), 5, INVERSE_SCALE)


def test_a_wishart_with_data():
    rows = np.array([[1.0, -0.5], [0.3, 0.8], [-1.2, 0.1], [0.4, 0.4], [2.0, -1.0], [0.0, 0.6]])
    x = mc.Wishart("x", 4, INVERSE_SCALE)
    y = mc.MvNormal("y", np.zeros(2), x, value=rows, observed=True)
    m = served([x, y], mc.PDMatrixMetropolis, x, 26, 60_000, 5000)
    assert_wishart(chains_of(m, "x"), 4 + 6, INVERSE_SCALE + rows.T @ rows)


# -------------------------------------------------------------------- nodes without data below, and nodes that stay


def test_what_no_data_hang_on_is_drawn_independently():
    mu, y = one_datum()
    new = mc.Normal("new", mu, 4.0)
    count = mc.Poisson("count", 3.0)
    m = mc.MCMC([mu, y, new, count])
    assert [type(s) for s in m.step_method_dict[new] + m.step_method_dict[count]] == [mc.DrawFromPrior] * 2
    assert not any(isinstance(s, mc.DrawFromPrior) for s in m.step_method_dict[mu])
    sampled(m, 27, 10_000, 0)
    assert_law(chains_of(m, "new"), stats.norm(1.5, np.sqrt(0.5 + 0.25)))
    draws = chains_of(m, "count")
    assert_masses(draws, stats.poisson(3.0).pmf(np.arange(10)))
    away = draws - 3.0
    assert_mean(away[:, 1:] * away[:, :-1], 0.0, "autocovariance of independent draws")


def test_a_node_may_be_walked_where_it_could_be_drawn():
    """A step that was asked for wins over drawing from the prior."""
    new = mc.Normal("new", 1.0, 4.0)
    m = mc.MCMC([new])
    m.use_step_method(mc.Metropolis, new)
    assert not any(isinstance(s, mc.DrawFromPrior) for s in m.step_method_dict[new])
    assert_law(chains_of(sampled(m, 28), "new"), stats.norm(1.0, 0.5))


def test_a_potential_below_is_data_enough():
    a = mc.Normal("a", 0.0, 1.0)

    @mc.potential
    def pull(a=a):
        return -0.5 * (a - 3.0) ** 2

    m = mc.MCMC([a, pull])
    assert not any(isinstance(s, mc.DrawFromPrior) for s in m.step_method_dict[a])
    assert_law(chains_of(sampled(m, 29), "a"), POSTERIOR)


@pytest.mark.parametrize("where", ["value", "start"])
def test_a_node_that_is_held(where):
    sd = mc.Uniform("sd", 0.0, 10.0, value=2.0 if where == "value" else 5.0)
    mu = mc.Normal("mu", 0.0, 0.25)
    y = mc.Normal("y", mu, 1 / sd**2, value=[1.0, 4.0, 2.5], observed=True)
    m = mc.MCMC([mu, sd, y])
    m.use_step_method(mc.NoStepper, sd)
    sampled(m, 30, 8000, 100, start={"sd": 2.0} if where == "start" else None)
    assert (m.trace("sd")[:] == 2.0).all()
    assert_law(chains_of(m, "mu"), stats.norm(7.5 / 4, 1.0))


def test_labels_that_are_held():
    z = mc.Categorical("z", [0.5, 0.5], value=[0, 0, 1, 1])
    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    y = mc.Normal("y", mu[z], 1.0, value=[1.0, 2.0, 10.0, -2.0], observed=True)
    m = mc.MCMC([z, mu, y])
    m.use_step_method(mc.NoStepper, z)
    sampled(m, 31, 8000, 0)
    assert (m.trace("z")[:] == [0, 0, 1, 1]).all()
    for i, total in enumerate((3.0, 8.0)):
        assert_law(chains_of(m, "mu")[..., i], stats.norm(total / 3, 3**-0.5))


# -------------------------------------------------------------------- hooks of Metropolis, in subclasses


class Scaling(mc.Metropolis):
    """Multiplies by a random factor, which is not symmetric."""

    def propose(self):
        self.factor = np.exp(0.8 * self.rng.normal())
        self.stochastic.value = self.stochastic.value * self.factor

    def hastings_factor(self):
        return np.log(self.factor)


class ForgetfulScaling(Scaling):
    """The planted mistake: no correction."""

    def hastings_factor(self):
        return 0.0


def test_an_asymmetric_proposal_with_its_correction():
    rate, y = positive_rate()
    m = served([rate, y], Scaling, rate, 32, 2000, 100)
    assert_law(chains_of(m, "rate"), RATE)


@pytest.mark.slow
def test_an_asymmetric_proposal_without_its_correction_is_visibly_wrong():
    """The chain then has density proportional to posterior / rate: Gamma(9, 3)."""
    rate, y = positive_rate()
    m = served([rate, y], ForgetfulScaling, rate, 33, 2000, 100)
    draws = chains_of(m, "rate")
    assert_law(draws, stats.gamma(9.0, scale=1 / 3.0))
    with pytest.raises(AssertionError, match="errors"):
        assert_law(draws, RATE)


def test_a_subclass_that_only_proposes():
    class Cauchy(mc.Metropolis):
        def propose(self):
            self.stochastic.value = self.stochastic.value + self.rng.standard_cauchy()

    mu, y = one_datum()
    m = served([mu, y], Cauchy, mu, 34, 2000, 100)
    assert_law(chains_of(m, "mu"), POSTERIOR)


@pytest.mark.slow
def test_a_subclass_that_only_corrects():
    """A correction by the ratio of a tilt makes the chain follow posterior * tilt: here N(1.5 + 0.5, 0.5)."""

    class Tilted(mc.Metropolis):
        def hastings_factor(self):
            return float(self.stochastic.value - self.stochastic.last_value)

    mu, y = one_datum()
    m = served([mu, y], Tilted, mu, 35, 2000, 100, proposal_sd=1.5)
    assert_law(chains_of(m, "mu"), stats.norm(2.0, np.sqrt(0.5)))


@pytest.mark.slow
@pytest.mark.parametrize("build", [one_datum, positive_rate], ids=["a number", "a positive number"])
def test_a_subclass_that_only_watches(build):
    """The proposal of the base, as it moves in Python."""
    rejections = []

    class Watching(mc.Metropolis):
        def reject(self):
            rejections.append(1)
            super().reject()

        def tune(self, verbose=0):
            return False

    x, y = build()
    m = served([x, y], Watching, x, 65, 2000, 100)
    draws = chains_of(m, x.name)
    assert_law(draws, POSTERIOR if build is one_datum else RATE)
    assert len(rejections) / (4 * 2000) == pytest.approx(1 - moved(draws), abs=0.03)


def test_a_discrete_subclass():
    class Sideways(mc.DiscreteMetropolis):
        def propose(self):
            self.stochastic.value = self.stochastic.value + self.rng.choice([-2, -1, 1, 2])

    n = mc.Poisson("n", 2.5)
    y = mc.Binomial("y", n, 0.5, value=1, observed=True)
    m = served([n, y], Sideways, n, 36, 2000, 100)
    values = np.arange(40)
    masses = stats.poisson(2.5).pmf(values) * stats.binom(values, 0.5).pmf(1)
    assert_masses(chains_of(m, "n"), (masses / masses.sum())[:10])


def test_a_proposal_of_probability_zero_is_rejected():
    """Half of the proposals leave the support."""

    class Leaping(mc.Metropolis):
        def propose(self):
            self.stochastic.value = self.stochastic.value + self.rng.normal(0.0, 4.0)

    rate, y = positive_rate()
    m = served([rate, y], Leaping, rate, 37, 3000, 100)
    draws = chains_of(m, "rate")
    assert draws.min() > 0
    assert_law(draws, RATE)


@pytest.mark.slow
def test_a_vector_in_a_subclass_moves_as_a_whole():
    class Together(mc.Metropolis):
        def propose(self):
            self.stochastic.value = self.stochastic.value + 0.7 * self.rng.normal(size=2)

    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    y = mc.Normal("y", mu, 1.0, value=[3.0, -1.0], observed=True)
    m = served([mu, y], Together, mu, 38, 2500, 100)
    draws = chains_of(m, "mu")
    for i, datum in enumerate((3.0, -1.0)):
        assert_law(draws[..., i], stats.norm(datum / 2, np.sqrt(0.5)))
    changed = np.diff(draws, axis=1) != 0
    assert (changed[..., 0] == changed[..., 1]).all()


# -------------------------------------------------------------------- steps of one's own


class Walk(mc.StepMethod):
    """A random walk that reads and writes .value and .logp only."""

    def __init__(self, stochastic, sd=1.5, **keywords):
        super().__init__(stochastic, **keywords)
        self.sd = sd

    def density(self):
        try:
            return sum(node.logp for node in [*self.stochastics, *self.children])
        except mc.ZeroProbability:
            return -np.inf

    def step(self):
        before, values = self.density(), [s.value for s in self.stochastics]
        for s in self.stochastics:
            s.value = s.value + self.sd * self.rng.normal(size=np.shape(s.value))
        if not self.density() - before > -self.rng.exponential():
            for s, value in zip(self.stochastics, values, strict=True):
                s.value = value


def test_a_step_of_ones_own():
    mu, y = one_datum()
    m = served([mu, y], Walk, mu, 39, 2000, 100)
    assert isinstance(m.step_method_dict[mu][0], Walk)
    assert_law(chains_of(m, "mu"), POSTERIOR)


def test_a_step_of_ones_own_takes_options_and_stays_in_the_support():
    rate, y = positive_rate()
    m = served([rate, y], Walk, rate, 40, 2000, 100, sd=3.0)
    assert m.step_method_dict[rate][0].sd == 3.0
    assert_law(chains_of(m, "rate"), RATE)


@pytest.mark.slow
def test_a_step_of_ones_own_for_a_list():
    a, b = mc.Normal("a", 0.0, 1.0), mc.Normal("b", 0.0, 1.0)
    y = mc.Normal("y", a + b, 1.0, value=2.0, observed=True)
    m = served([a, b, y], Walk, [a, b], 41, 2000, 100, sd=0.9)
    assert m.step_method_dict[a] == m.step_method_dict[b]
    cover = np.linalg.inv([[2.0, 1.0], [1.0, 2.0]])
    draws = np.stack([chains_of(m, name) for name in "ab"], -1)
    away = draws - cover @ [2.0, 2.0]
    assert_mean(draws, cover @ [2.0, 2.0])
    assert_mean(away[..., :, None] * away[..., None, :], cover)


@pytest.mark.slow
def test_a_step_of_ones_own_beside_compiled_ones():
    """The compiled steps see what the step wrote, and the step sees what they drew."""
    mu, sd = mc.Normal("mu", 0.0, 0.25), mc.Uniform("sd", 0.5, 3.0)
    rows = np.array([1.0, 2.0, 2.2, -0.3])
    y = mc.Normal("y", mu, 1 / sd**2, value=rows, observed=True)
    m = served([mu, sd, y], Walk, mu, 42, 2000, 100, sd=0.8)

    def log_density(mu, sd):
        return -0.125 * mu**2 - 4 * np.log(sd) - 0.5 * ((rows[:, None, None] - mu) ** 2).sum(0) / sd**2

    for name, exact in zip(("mu", "sd"), ref.gridded_pair(log_density, (-6.0, 8.0), (0.5, 3.0)), strict=True):
        assert_law(chains_of(m, name), exact)


def test_a_step_of_ones_own_through_functions_and_potentials():
    """What depends on the node is up to date when the step reads it."""
    mu = mc.Normal("mu", 0.0, 1.0)

    @mc.deterministic
    def half(mu=mu):
        return mu / 2

    y = mc.Normal("y", half, 4.0, value=1.5, observed=True)  # says the same as mu with precision 1 around 3

    @mc.potential
    def pull(half=half):
        return -2.0 * (half - 1.0) ** 2  # precision 1 around 2

    m = served([mu, y, pull], Walk, mu, 43, 2000, 100)
    assert_law(chains_of(m, "mu"), stats.norm(5 / 3, 3**-0.5))


ROWS = np.array([-0.8, 0.6, 1.7, 2.4, 3.9])
CUTS = np.array([-0.5, 0.5, 1.5, 2.5, 3.5])


class Relabel(mc.StepMethod):
    """Proposes another label for one row at a time."""

    def step(self):
        z = self.stochastic
        for row in self.rng.integers(0, len(z.value), 3):
            before = self.logp_plus_loglike
            proposal = np.array(z.value)
            proposal[row] = 1 - proposal[row]
            z.value = proposal
            if not self.logp_plus_loglike - before > -self.rng.exponential():
                z.revert()


class Redraw(mc.StepMethod):
    """Draws all labels at once from their exact conditional, by listing all vectors."""

    def step(self):
        z, vectors, logs = self.stochastic, ref.label_vectors(len(self.stochastic.value), 2), []
        for vector in vectors:
            z.value = vector
            logs.append(z.logp + sum(c.logp for c in self.children))
        z.value = vectors[self.rng.choice(len(vectors), p=ref.normalised(np.array(logs)))]


@pytest.mark.slow
@pytest.mark.parametrize(("step", "rows", "iterations"), [(Relabel, 5, 1500), (Redraw, 3, 700)])
def test_labels_of_a_small_mixture_by_a_step_of_ones_own(step, rows, iterations):
    x = ROWS[:rows]
    z = mc.Categorical("z", [0.4, 0.6], size=rows)
    mu = mc.Normal("mu", [0.0, 3.0], 0.2, size=2)
    y = mc.Normal("y", mu[z], 0.8, value=x, observed=True)
    m = served([z, mu, y], step, z, 44, iterations, 100)
    exact = ref.enumerated(
        [ref.normal_mean(x, mean, 0.2, 0.8, CUTS) for mean in (0.0, 3.0)], rows, ref.fixed_label_prior([0.4, 0.6])
    )
    draws = chains_of(m, "z")
    assert_shares(draws[..., None] == np.arange(2), exact.memberships, "memberships")
    assert_below(chains_of(m, "mu"), CUTS, exact.expected("below"), "mu")


def test_a_step_of_ones_own_for_missing_entries():
    """Its value is the whole array; what was observed cannot be written over."""
    seen = []

    class Fill(Walk):
        def step(self):
            super().step()
            seen.append(np.array(self.stochastic.value))

    mu = mc.Normal("mu", 0.0, 1.0)
    y = mc.Normal("y", mu, 1.0, value=[0.5, np.nan, 1.5], observed=True)
    m = served([mu, y], Fill, y, 45, 2000, 100)
    assert_law(chains_of(m, "mu"), stats.norm(2 / 3, 3**-0.5))
    assert_law(chains_of(m, "y")[..., 0], stats.norm(2 / 3, np.sqrt(1 + 1 / 3)))
    assert {tuple(v[[0, 2]]) for v in seen} == {(0.5, 1.5)}


def test_what_a_step_knows_of_its_surroundings():
    found = {}

    class Looking(Walk):
        def step(self):
            found.update(
                stochastic=self.stochastic.name,
                stochastics=[s.name for s in self.stochastics],
                children={c.name for c in self.children},
                blanket={n.name for n in self.markov_blanket},
                loglike=self.loglike,
                both=self.logp_plus_loglike,
                value=float(self.stochastic.value),
            )
            super().step()

    above, beside = mc.Normal("above", 0.0, 1.0), mc.Normal("beside", 0.0, 1.0)
    mu = mc.Normal("mu", above, 1.0)
    y = mc.Normal("y", mu + beside, 1.0, value=3.0, observed=True)

    @mc.potential
    def pull(mu=mu):
        return -np.abs(mu)

    m = mc.MCMC([above, beside, mu, y, pull])
    m.use_step_method(Looking, mu)
    m.use_step_method(mc.NoStepper, [above, beside])
    sampled(m, 46, 20, 0, start={"above": 0.5, "beside": 0.25}, chains=1)
    at = found["value"]
    expected = stats.norm(at + 0.25, 1.0).logpdf(3.0) - abs(at)
    assert found["stochastic"] == "mu"
    assert found["stochastics"] == ["mu"]
    assert found["children"] == {"y", "pull"}
    assert {"mu", "y", "above", "beside"} <= found["blanket"]
    assert found["loglike"] == pytest.approx(expected)
    assert found["both"] == pytest.approx(expected + stats.norm(0.5, 1.0).logpdf(at))


# -------------------------------------------------------------------- seeds, chains and cores


def in_python(how, chains=3, seed=47, **options):
    rate, y = positive_rate(value=2.0)
    m = mc.MCMC([rate, y])
    m.use_step_method(how, rate)
    m.sample(300, 50, chains=chains, seed=seed, progress_bar=False, **options)
    return [m.trace("rate", chain=c)[:] for c in range(chains)]


@pytest.mark.parametrize("how", [Scaling, Walk], ids=lambda how: how.__name__)
def test_python_steps_repeat_by_seed_whatever_the_cores(how):
    np.random.seed(1)
    first = in_python(how, cores=1)
    np.random.seed(2)
    for cores in (1, 2, 3):
        np.testing.assert_array_equal(in_python(how, cores=cores), first)
    assert not np.array_equal(in_python(how, seed=48), first)
    assert len({tuple(chain) for chain in first}) == 3
    np.testing.assert_array_equal(in_python(how, chains=2), first[:2])


def test_proposals_from_the_prior_repeat_by_seed():
    def run(seed):
        mu, y = one_datum()
        m = served([mu, y], mc.Metropolis, mu, seed, 200, 0, proposal_distribution="prior")
        return m.trace("mu")[:]

    np.testing.assert_array_equal(run(49), run(49))
    assert not np.array_equal(run(49), run(50))


def test_what_a_step_learns_stays_in_its_chain_and_goes_on_with_it():
    """Two calls are one longer call, and a chain does not see how many sweeps another made."""

    class Counting(Walk):
        def __init__(self, stochastic):
            super().__init__(stochastic)
            self.sweeps = 0

        def step(self):
            self.sweeps += 1
            self.stochastic.value = float(self.sweeps)

    def build():
        x, y = one_datum()
        m = mc.MCMC([x, y])
        m.use_step_method(Counting, x)
        return m

    split = build()
    split.sample(30, chains=2, seed=51, progress_bar=False)
    split.sample(20, progress_bar=False)
    draws = split.draws(calls="all").variables["mu"]
    np.testing.assert_array_equal(draws, [np.arange(1.0, 51.0)] * 2)


# -------------------------------------------------------------------- selection by competence


def competent(names, answer, base=Walk):
    """A step class that answers for nodes of these names only, so that no other model is touched."""

    class Chosen(base):
        @staticmethod
        def competence(stochastic):
            return answer if stochastic.name in names else 0

    return Chosen


Best = competent({"competence three", "tied competence"}, 3)
Tied = competent({"tied competence"}, 3)
Good = competent({"competence two", "competence two and conjugate", "competence two of labels", "both"}, 2)
Better = competent({"both"}, 3)
Poor = competent({"competence one"}, 1)
Unfit = competent({"competence nothing"}, 0)


def awkward(name):
    """A number without a conjugate conditional: the table gives it a slice or Metropolis step."""
    x = mc.Normal(name, 0.0, 1.0)
    return x, mc.Normal("y", np.tanh(x), 4.0, value=0.3, observed=True)


def chosen_for(name, build=awkward):
    nodes = build(name)
    (step,) = mc.MCMC(list(nodes)).step_method_dict[nodes[0]]
    return step


def test_three_beats_exact_draws():
    assert isinstance(chosen_for("competence three", one_datum), Best)
    assert not isinstance(chosen_for("something else", one_datum), mc.StepMethod | mc.Slicer)


def test_two_beats_slices_and_random_walks_but_not_exact_draws():
    assert isinstance(chosen_for("competence two"), Good)
    assert not isinstance(chosen_for("competence two and conjugate", one_datum), mc.StepMethod)


def test_two_does_not_beat_the_label_pass():
    z = mc.Categorical("competence two of labels", [0.4, 0.6], size=5)
    y = mc.Normal("y", 3.0 * z, 0.8, value=ROWS, observed=True)
    assert not isinstance(mc.MCMC([z, y]).step_method_dict[z][0], Good)


@pytest.mark.parametrize("name", ["competence one", "competence nothing"])
def test_less_is_not_chosen(name):
    assert not isinstance(chosen_for(name), Poor | Unfit)
    assert type(chosen_for(name)) is type(chosen_for("nobody answers for this"))


def test_the_most_competent_wins_and_ties_are_settled():
    assert isinstance(chosen_for("both"), Better)
    assert {type(chosen_for("tied competence")) for _ in range(5)} == {type(chosen_for("tied competence"))}
    assert isinstance(chosen_for("tied competence"), Best | Tied)


def test_a_chosen_step_runs_and_is_told(capsys):
    x, y = one_datum("competence three")
    m = mc.MCMC([x, y])
    assert "Chosen" in runs.line_of(m, "competence three", capsys)
    assert_law(chains_of(sampled(m, 52, 1500, 100), "competence three"), POSTERIOR)


def test_a_step_that_was_asked_for_beats_any_competence():
    x, y = one_datum("competence three")
    m = mc.MCMC([x, y])
    m.use_step_method(mc.Slicer, x)
    assert not isinstance(m.step_method_dict[x][0], Best)


def test_a_subclass_without_a_competence_of_its_own_is_for_those_who_ask():
    """Scaling and its like are Metropolis steps; defining one must not change anybody's model."""
    assert issubclass(Scaling, mc.Metropolis)
    assert not isinstance(chosen_for("nobody answers for this"), Scaling | ForgetfulScaling | Walk)


# -------------------------------------------------------------------- which steps there are


def three_numbers():
    a, b, c = (mc.Normal(name, 0.0, 1.0) for name in "abc")
    y = mc.Normal("y", a + b + c, 1.0, value=2.0, observed=True)
    return a, b, c, mc.MCMC([a, b, c, y])


def test_steps_by_node_and_in_order():
    a, b, c, m = three_numbers()
    m.use_step_method(mc.Slicer, b)
    assert set(m.step_method_dict) == {a, b, c}
    assert all(len(steps) == 1 for steps in m.step_method_dict.values())
    each = [step for steps in m.step_method_dict.values() for step in steps]
    assert {id(s) for s in each} == {id(s) for s in m.step_methods}
    assert [v for s in m.step_methods for v in s.variables].count(b) == 1


def test_a_list_or_several_nodes_or_names():
    kinds = []
    for how in ("list", "several", "names"):
        a, b, c, m = three_numbers()
        if how == "list":
            m.use_step_method(mc.Slicer, [a, b])
        elif how == "several":
            m.use_step_method(mc.Slicer, a, b)
        else:
            m.use_step_method(mc.Slicer, "a")
            m.use_step_method(mc.Slicer, "b")
        assert m.step_method_dict[a][0] is not m.step_method_dict[b][0]
        kinds.append([type(m.step_method_dict[n][0]) for n in (a, b, c)])
    assert kinds[0] == kinds[1] == kinds[2]
    assert kinds[0][0] is kinds[0][1] is not kinds[0][2]


@pytest.mark.parametrize("many", [False, True])
def test_a_step_can_be_taken_back(many):
    a, b, c, m = three_numbers()
    before = [type(m.step_method_dict[n][0]) for n in (a, b, c)]
    m.use_step_method(mc.Slicer, a)
    m.use_step_method(Walk, b)
    assert [type(m.step_method_dict[n][0]) for n in (a, b, c)] != before
    if many:
        m.remove_step_method([m.step_method_dict[a][0], m.step_method_dict[b][0]])
    else:
        m.remove_step_method(m.step_method_dict[b][0])
        assert type(m.step_method_dict[a][0]) is not before[0]
        m.remove_step_method(m.step_method_dict[a][0])
    assert [type(m.step_method_dict[n][0]) for n in (a, b, c)] == before
    sampled(m, 53, 5000, 0)
    assert_law(chains_of(m, "a"), stats.norm(0.5, np.sqrt(0.75)))


def test_a_step_that_serves_nothing_cannot_be_taken_back():
    a, b, c, m = three_numbers()
    a2, *_, other = three_numbers()
    other.use_step_method(Walk, a2)
    with pytest.raises(mc.ModelError):
        m.remove_step_method(other.step_method_dict[a2][0])
    with pytest.raises(mc.ModelError):
        m.remove_step_method("a step")


def test_asking_again_for_one_node():
    """Whether the steps take turns or the last one wins, the distribution is the same and the node is served."""
    mu, y = one_datum()
    m = mc.MCMC([mu, y])
    m.use_step_method(mc.Metropolis, mu, proposal_sd=0.3)
    m.use_step_method(mc.Slicer, mu)
    assert mu in m.step_method_dict
    assert_law(chains_of(sampled(m, 54), "mu"), POSTERIOR)


def test_steps_can_be_assigned_before_sampling():
    a, b, c, m = three_numbers()
    m.use_step_method(mc.Slicer, a)
    slicer = type(m.step_method_dict[a][0])
    m.assign_step_methods()
    assert type(m.step_method_dict[a][0]) is slicer
    assert set(m.step_method_dict) == {a, b, c}
    assert_law(chains_of(sampled(m, 55), "a"), stats.norm(0.5, np.sqrt(2 / 3 + 1 / 12)))


def test_drawing_from_the_prior_can_be_switched_off():
    mu, y = one_datum()
    new = mc.Normal("new", mu, 4.0)
    m = mc.MCMC([mu, y, new])
    m.assign_step_methods(draw_from_prior_when_possible=False)
    assert not any(isinstance(s, mc.DrawFromPrior) for s in m.step_methods)
    assert_law(chains_of(sampled(m, 56), "new"), stats.norm(1.5, np.sqrt(0.75)))


def test_steps_are_fixed_once_chains_have_started():
    a, b, c, m = three_numbers()
    m.use_step_method(mc.Slicer, a)
    sampled(m, 57, 20, 0)
    with pytest.raises(mc.ModelError, match="started"):
        m.remove_step_method(m.step_method_dict[a][0])


# -------------------------------------------------------------------- tuning


@pytest.mark.parametrize("scale", [1e-4, 1e3])
def test_burn_till_tuned_leads_to_sensible_acceptance(scale):
    def share(**options):
        mu, y = one_datum()
        m = served([mu, y], mc.Metropolis, mu, 58, 3000, 0, run=options, proposal_sd=scale)
        return moved(chains_of(m, "mu"))

    assert not 0.1 < share() < 0.9
    assert 0.15 < share(burn_till_tuned=True) < 0.75


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_burn_till_tuned_in_python(scale):
    class Slowly(mc.Metropolis):
        def hastings_factor(self):
            return 0.0

    def share(**options):
        mu, y = one_datum()
        m = served([mu, y], Slowly, mu, 59, 600, 0, run={"chains": 1, **options}, proposal_sd=scale)
        draws = chains_of(m, "mu", 1)
        assert draws.shape == (1, 600)
        return moved(draws)

    assert not 0.1 < share() < 0.9
    assert 0.1 < share(burn_till_tuned=True, tune_interval=50) < 0.9


class Tuned(Walk):
    """Writes down at which sweep it was tuned."""

    def __init__(self, stochastic, at, says):
        super().__init__(stochastic)
        self.at, self.says, self.sweeps = at, says, 0

    def step(self):
        super().step()
        self.sweeps += 1

    def tune(self, verbose=0):
        self.at.append(self.sweeps)
        return self.says


def tuned_at(iterations, burn, says=True, **options):
    at = []
    mu, y = one_datum()
    served([mu, y], Tuned, mu, 60, iterations, burn, run={"chains": 1, **options}, at=at, says=says)
    return np.array(at)


def test_tuning_happens_at_its_interval_and_in_burn_in():
    at = tuned_at(500, 200, tune_interval=20)
    assert 9 <= len(at) <= 10
    assert at.max() <= 200
    assert set(np.diff(at)) == {20}
    assert len(tuned_at(500, 0, tune_interval=20)) == 0


def test_tuning_throughout():
    at = tuned_at(500, 200, tune_interval=20, tune_throughout=True)
    assert 24 <= len(at) <= 25
    assert at.max() > 450


def test_tuning_throughout_stops_when_nothing_changes():
    at = tuned_at(600, 0, says=False, tune_interval=20, tune_throughout=True, stop_tuning_after=3)
    assert 3 <= len(at) <= 4
    assert len(tuned_at(600, 0, says=True, tune_interval=20, tune_throughout=True, stop_tuning_after=3)) >= 29


def test_tuning_throughout_keeps_the_law_near():
    mu, y = one_datum()
    m = served([mu, y], mc.Metropolis, mu, 61, 60_000, 2000, run={"tune_throughout": True}, proposal_sd=0.01)
    draws = chains_of(m, "mu")
    assert 0.15 < moved(draws) < 0.75
    assert abs(draws.mean() - 1.5) < 0.05
    assert abs(draws.var() - 0.5) < 0.05


# -------------------------------------------------------------------- halting


@pytest.mark.parametrize("burn", [0, 10])
def test_halting_from_a_step_keeps_the_draws(burn):
    holder = []

    class Enough(Walk):
        def __init__(self, stochastic):
            super().__init__(stochastic)
            self.sweeps = 0

        def step(self):
            super().step()
            self.sweeps += 1
            if self.sweeps == 37:
                holder[0].halt()

    def build():
        mu, y = one_datum()
        m = mc.MCMC([mu, y])
        m.use_step_method(Enough, mu)
        holder[:] = [m]
        return m

    m = build()
    m.sample(2000, burn, chains=1, seed=62, progress_bar=False)
    halted = m.trace("mu")[:]
    assert halted.shape == (37 - burn,)
    m.sample(13, progress_bar=False)
    assert m.trace("mu")[:].shape == (13,)
    assert m.trace("mu", calls="all")[:].shape == (50 - burn,)
    whole = build()
    whole.halt = lambda: None
    np.testing.assert_array_equal(
        whole.sample(2000, burn, chains=1, seed=62, progress_bar=False).trace("mu")[:][: 37 - burn], halted
    )


def test_halting_ends_every_chain():
    holder = []

    class Enough(Walk):
        sweeps = 0

        def step(self):
            super().step()
            self.sweeps += 1
            if self.sweeps == 120 and holder:
                holder.pop().halt()

    mu, y = one_datum()
    m = mc.MCMC([mu, y])
    m.use_step_method(Enough, mu)
    holder.append(m)
    m.sample(5000, chains=3, seed=63, progress_bar=False)
    assert not holder
    assert 60 < m.draws().n_draws <= 120
    m.sample(30, progress_bar=False)
    assert m.trace("mu")[:].shape == (90,)


# -------------------------------------------------------------------- refusals


def refused(step, build, words, **options):
    """Asking for the step, or the run at the latest, ends with an error that has all these words."""
    nodes = build()
    m = mc.MCMC(list(nodes))
    with pytest.raises(mc.ModelError) as caught:
        m.use_step_method(step, nodes[0], **options)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    m.sample(10, seed=1, progress_bar=False)  # the refused request left nothing behind


def wishart():
    x = mc.Wishart("x", 5, INVERSE_SCALE)
    return x, mc.MvNormal("y", np.zeros(2), x, value=[[1.0, 0.0]], observed=True)


def category():
    z = mc.Categorical("z", [0.2, 0.3, 0.5])
    return z, mc.Normal("y", z, 1.0, value=1.0, observed=True)


def count():
    n = mc.Poisson("n", 3.0)
    return n, mc.Binomial("y", n, 0.5, value=2, observed=True)


@pytest.mark.parametrize(
    ("step", "build"),
    [
        (mc.Slicer, category),
        (mc.Slicer, count),
        (mc.Slicer, wishart),
        (mc.DiscreteMetropolis, one_datum),
        (mc.BinaryMetropolis, one_datum),
        (mc.BinaryMetropolis, category),
        (mc.BinaryMetropolis, count),
        (mc.PDMatrixMetropolis, one_datum),
        (mc.AdaptiveMetropolis, count),
    ],
    ids=lambda thing: thing.__name__,
)
def test_a_step_for_another_kind_of_node(step, build):
    refused(step, build, [step.__name__, build()[0].name])


def test_drawing_from_the_prior_what_has_data():
    refused(mc.DrawFromPrior, one_datum, ["DrawFromPrior", "mu"])


@pytest.mark.parametrize(
    ("step", "options", "word"),
    [
        (mc.Metropolis, {"proposal_std": 1.0}, "proposal_std"),
        (mc.Metropolis, {"proposal_distribution": "cauchy"}, "cauchy"),
        (mc.Metropolis, {"proposal_sd": -1.0}, "proposal_sd"),
        (mc.Metropolis, {"proposal_sd": np.nan}, "proposal_sd"),
        (mc.Metropolis, {"proposal_sd": [1.0, 2.0]}, "proposal_sd"),
        (mc.Metropolis, {"proposal_sd": "wide"}, "proposal_sd"),
        (mc.Metropolis, {"scale": 0.0}, "scale"),
        (mc.Slicer, {"w": -2.0}, "w"),
        (mc.Slicer, {"width": 2.0}, "width"),
        (mc.AdaptiveMetropolis, {"cov": np.eye(2)}, "cov"),
        (mc.AdaptiveMetropolis, {"cov": [[-1.0]]}, "cov"),
        (mc.AdaptiveMetropolis, {"covariance": [[1.0]]}, "covariance"),
        (mc.NoStepper, {"value": 3.0}, "value"),
        (Walk, {"sdd": 3.0}, "sdd"),
    ],
    ids=str,
)
def test_options_that_make_no_sense(step, options, word):
    refused(step, one_datum, [step.__name__, "mu", word], **options)


def test_scales_for_another_node():
    a, b, y = tied_pair()
    stranger = mc.Normal("stranger", 0.0, 1.0)
    m = mc.MCMC([a, b, y])
    with pytest.raises(mc.ModelError, match=r"(?s)AdaptiveMetropolis.*stranger"):
        m.use_step_method(mc.AdaptiveMetropolis, [a, b], scales={a: 1.0, stranger: 1.0})


def test_a_cov_that_is_not_symmetric():
    a, b, y = tied_pair()
    m = mc.MCMC([a, b, y])
    with pytest.raises(mc.ModelError, match=r"(?s)AdaptiveMetropolis.*cov"):
        m.use_step_method(mc.AdaptiveMetropolis, [a, b], cov=[[1.0, 0.5], [0.0, 1.0]])


@pytest.mark.parametrize("what", ["data", "function", "stranger", "name"])
def test_what_is_no_unknown_of_the_model(what):
    mu, y = one_datum()
    twice = mc.Lambda("twice", lambda mu=mu: 2 * mu)
    m = mc.MCMC([mu, y, twice])
    node = {"data": y, "function": twice, "stranger": mc.Normal("other", 0, 1), "name": "nobody"}[what]
    with pytest.raises(mc.ModelError, match=str(getattr(node, "name", node))):
        m.use_step_method(Walk, node)
    with pytest.raises(mc.ModelError, match=str(getattr(node, "name", node))):
        m.use_step_method(mc.Metropolis, node)


@pytest.mark.parametrize("thing", [int, "Metropolis", mc.Normal, None, 3], ids=str)
def test_what_is_no_step(thing):
    mu, y = one_datum()
    with pytest.raises(mc.ModelError, match="mu|step"):
        mc.MCMC([mu, y]).use_step_method(thing, mu)


def test_a_step_without_nodes():
    mu, y = one_datum()
    for nothing in ((), ([],)):
        with pytest.raises(mc.ModelError, match="Metropolis"):
            mc.MCMC([mu, y]).use_step_method(mc.Metropolis, *nothing)


def test_a_step_that_does_nothing_by_itself():
    """A subclass that forgot to write step()."""

    class Unfinished(mc.StepMethod):
        pass

    mu, y = one_datum()
    m = mc.MCMC([mu, y])
    with pytest.raises((mc.ModelError, NotImplementedError), match="Unfinished"):
        m.use_step_method(Unfinished, mu)
        m.sample(10, seed=1, progress_bar=False)


def test_what_a_step_raises_arrives():
    class Broken(Walk):
        def step(self):
            raise KeyError("the step fell over")

    mu, y = one_datum()
    m = mc.MCMC([mu, y])
    m.use_step_method(Broken, mu)
    with pytest.raises(KeyError, match="fell over"):
        m.sample(10, seed=1, progress_bar=False)


@pytest.mark.parametrize("value", [[1.0, 2.0], "text", None], ids=str)
def test_a_step_that_writes_nonsense(value):
    class Nonsense(Walk):
        def step(self):
            self.stochastic.value = value

    mu, y = one_datum()
    m = mc.MCMC([mu, y])
    m.use_step_method(Nonsense, mu)
    with pytest.raises(mc.ModelError, match="mu"):
        m.sample(10, seed=1, progress_bar=False)


def test_a_grid_of_a_target_is_what_the_steps_follow():
    """A target with two bumps and a hole, by every step for numbers, from one grid."""

    def bumps(x):
        return np.logaddexp(-0.5 * (x + 2.0) ** 2, np.log(2.0) - 2.0 * (x - 1.5) ** 2)

    points = -8 + 16 * ref.midpoints(4000)
    exact = Gridded(points, ref.normalised(bumps(points)))
    for step in (mc.Metropolis, mc.Slicer, mc.AdaptiveMetropolis):

        @mc.stochastic
        def x(value=0.0):
            return np.logaddexp(-0.5 * (value + 2.0) ** 2, np.log(2.0) - 2.0 * (value - 1.5) ** 2)

        m = mc.MCMC([x])
        m.use_step_method(step, x)
        assert_law(chains_of(sampled(m, 64, 100_000, 5000), "x"), exact, step.__name__)

"""Models that everybody writes first, each against exact sums, closed forms or a grid."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, gammaln, logsumexp, xlogy

import mcmix as mc
from tests import references as ref
from tests import runs
from tests.references import (
    Component,
    assert_below,
    assert_law,
    assert_masses,
    assert_mean,
    assert_shares,
    chains_of,
)

sampled = runs.sampler(iterations=12_000, burn=1000)


def opaque(f):
    """The same function of the same arguments, which nobody can look into."""

    def calls(**arguments):
        if any(float(np.asarray(a).ravel()[0]) > 1e300 for a in arguments.values()):
            return -np.inf
        return float(f(**arguments))

    return calls


# -------------------------------------------------------------------- coal-mining disasters, 1851 to 1961

# fmt: off
DISASTERS = np.array([
    4, 5, 4, 0, 1, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 5, 3, 1, 4, 4, 1, 5, 5, 3, 4, 2, 5, 2, 2, 3, 4, 2,
    1, 3, 2, 2, 1, 1, 1, 1, 3, 0, 0, 1, 0, 1, 1, 0, 0, 3, 1, 0, 3, 2, 2, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 2, 1, 0,
    0, 0, 1, 1, 0, 2, 3, 3, 1, 1, 2, 1, 1, 1, 1, 2, 4, 2, 0, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1,
])
# fmt: on
YEARS = np.arange(len(DISASTERS))
RATE_CUTS = {"early": np.array([2.6, 2.9, 3.05, 3.2, 3.6]), "late": np.array([0.75, 0.85, 0.93, 1.0, 1.15])}


class Switchpoint:
    """Exact posterior: a sum over the first late year, with Exponential(1) rates integrated out."""

    def __init__(self, missing=()):
        known = np.setdiff1d(YEARS, missing)
        early = known[None, :] < YEARS[:, None]
        self.shapes = 1.0 + np.stack([early @ DISASTERS[known], ~early @ DISASTERS[known]])
        self.rates = 1.0 + np.stack([early.sum(1), (~early).sum(1)])
        self.masses = ref.normalised((gammaln(self.shapes) - self.shapes * np.log(self.rates)).sum(0))

    def rate(self, side):
        """Mean of the early or the late rate, and its chance to be below each cut."""
        law = stats.gamma(self.shapes[side], scale=1 / self.rates[side])
        cuts = RATE_CUTS["late" if side else "early"]
        return self.masses @ law.mean(), np.stack([self.masses @ law.cdf(c) for c in cuts])

    def predicted(self, year, counts):
        """Masses of the number of disasters in a year without data."""
        side = np.where(year < YEARS, 0, 1)
        shape, rate = self.shapes[side, YEARS], self.rates[side, YEARS]
        return np.array([self.masses @ stats.nbinom(shape, rate / (1 + rate)).pmf(c) for c in counts])


def rates_by_where(switch, early, late):
    @mc.deterministic
    def rate(switch=switch, early=early, late=late):
        return np.where(switch > YEARS, early, late)

    return rate


def rates_by_slices(switch, early, late):
    @mc.deterministic
    def rate(switch=switch, early=early, late=late):
        out = np.empty(len(YEARS))
        out[:switch] = early
        out[switch:] = late
        return out

    return rate


def rates_by_loop(switch, early, late):
    @mc.deterministic
    def rate(switch=switch, early=early, late=late):
        return np.array([float(early) if year < switch else float(late) for year in YEARS])

    return rate


WRITTEN = {"where": (rates_by_where, 1500), "slices": (rates_by_slices, 1500), "a loop": (rates_by_loop, 300)}


def disasters(rates, data, seed, iterations):
    switch = mc.DiscreteUniform("switch", 0, 110)
    early, late = mc.Exponential("early", 1.0), mc.Exponential("late", 1.0)
    y = mc.Poisson("y", rates(switch, early, late), value=data, observed=True)
    return sampled([switch, early, late, y], seed, iterations, iterations // 10)


def assert_switchpoint(m, exact):
    masses = {year: exact.masses[year] for year in range(30, 55)}
    assert_masses(chains_of(m, "switch"), masses, "switch")
    for side, name in enumerate(("early", "late")):
        mean, below = exact.rate(side)
        assert_mean(chains_of(m, name), mean, name)
        assert_below(chains_of(m, name), RATE_CUTS[name], below, name)


def test_the_disasters_are_those_of_the_literature():
    assert (len(DISASTERS), DISASTERS.sum()) == (111, 191)
    exact = Switchpoint()
    assert YEARS[exact.masses.argmax()] == 41
    assert exact.rate(0)[0] == pytest.approx(3.06, abs=0.02)
    assert exact.rate(1)[0] == pytest.approx(0.93, abs=0.02)


@pytest.mark.parametrize(("rates", "iterations"), WRITTEN.values(), ids=WRITTEN)
def test_a_switchpoint(rates, iterations):
    assert_switchpoint(disasters(rates, DISASTERS, 1, iterations), Switchpoint())


MISSING = [40, 83]  # 1891, beside the switch, and 1934


@pytest.mark.slow
@pytest.mark.parametrize("masked", [True, False], ids=["masked", "not a number"])
@pytest.mark.parametrize("rates", [rates_by_where, rates_by_slices])
def test_a_switchpoint_with_two_missing_years(rates, masked):
    if masked:
        data = np.ma.array(DISASTERS)
        data[MISSING] = np.ma.masked
    else:
        data = DISASTERS.astype(float)
        data[MISSING] = np.nan
    m, exact = disasters(rates, data, 2, 1200), Switchpoint(MISSING)
    assert_switchpoint(m, exact)
    draws = chains_of(m, "y")
    assert draws.shape[2] == 2
    for i, year in enumerate(MISSING):
        assert_masses(draws[..., i], exact.predicted(year, range(9)), f"year {year}")


def test_a_switchpoint_of_ones_own_law():
    """The distribution of the switch by a decorator, as in PyMC 2's manual."""

    @mc.stochastic(dtype=int)
    def switch(value=55, first=0, last=110):
        if value > last or value < first:
            return -np.inf
        return -np.log(last - first + 1)

    early, late = mc.Exponential("early", 1.0), mc.Exponential("late", 1.0)
    y = mc.Poisson("y", rates_by_where(switch, early, late), value=DISASTERS, observed=True)
    assert_switchpoint(sampled([switch, early, late, y], 3, 6000), Switchpoint())


# -------------------------------------------------------------------- doses and deaths

DOSES = np.array([-0.86, -0.3, -0.05, 0.73])
DEATHS = np.array([0, 1, 3, 5])


def dose_grid():
    def log_density(intercept, slope):
        prior = -0.125 * intercept**2 - 0.005 * slope**2
        eta = intercept[..., None] + slope[..., None] * DOSES
        return prior + (DEATHS * eta - 5 * np.logaddexp(0, eta)).sum(-1)

    return ref.gridded_pair(log_density, (-8.0, 10.0), (-10.0, 60.0), 900)


def share_by_formula(a, b):
    return 1 / (1 + np.exp(-(a + b * DOSES)))


def share_by_class(a, b):
    return mc.InvLogit("share", a + b * DOSES)


def share_by_function(a, b):
    @mc.deterministic
    def share(a=a, b=b):
        """Ordinary numbers, written out."""
        e = np.exp(-(a + b * DOSES))
        return 1.0 / (1.0 + e)

    return share


def share_by_foreign_call(a, b):
    @mc.deterministic
    def share(a=a, b=b):
        return expit(float(a) + float(b) * DOSES)

    return share


SHARES = {
    "a formula": (share_by_formula, 50_000),
    "InvLogit": (share_by_class, 50_000),
    "a function": (share_by_function, 50_000),
    "a foreign call": (share_by_foreign_call, 3000),
}


@pytest.mark.parametrize(("share", "iterations"), SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("together", [False, True])
def test_dose_and_response(share, iterations, together):
    a, b = mc.Normal("a", 0.0, 0.25), mc.Normal("b", 0.0, 0.01)
    y = mc.Binomial("y", 5, share(a, b), value=DEATHS, observed=True)
    m = mc.MCMC([a, b, y])
    if together:
        m.use_step_method(mc.AdaptiveMetropolis, [a, b])
    m.sample(iterations, iterations // 10, chains=4, seed=4, progress_bar=False)
    for name, exact in zip("ab", dose_grid(), strict=True):
        assert_law(chains_of(m, name), exact, name)


# -------------------------------------------------------------------- counts with too many zeros

COUNTS = np.array([0, 0, 3, 0, 2, 0, 0, 5, 1, 0, 4, 0, 0, 2, 3])


def zeros_log_density(zero, rate):
    """Share of structural zeros uniform, rate Gamma(2, 0.5)."""
    nothing = np.log(zero + (1 - zero) * np.exp(-rate))
    some = np.log1p(-zero) + xlogy(COUNTS[:, None, None], rate) - rate - gammaln(COUNTS[:, None, None] + 1)
    return np.where(COUNTS[:, None, None] == 0, nothing, some).sum(0) + np.log(rate) - 0.5 * rate


def share_of_chance_zeros():
    """Probability that a zero came from the Poisson distribution."""
    zero, rate = ref.midpoints(800)[:, None], 9.0 * ref.midpoints(800)[None, :]
    masses = ref.normalised(zeros_log_density(zero, rate))
    return (masses * (1 - zero) * np.exp(-rate) / (zero + (1 - zero) * np.exp(-rate))).sum()


def zeros_by_law(zero, rate):
    return mc.ZeroInflatedPoisson("y", zero, rate, value=COUNTS, observed=True)


def zeros_by_labels(zero, rate):
    present = mc.Categorical("present", [zero, 1 - zero], size=len(COUNTS))
    return mc.Poisson("y", mc.Lambda("mean", lambda z=present, r=rate: z * r), value=COUNTS, observed=True)


def zeros_by_yes_or_no(zero, rate):
    present = mc.Bernoulli("present", 1 - zero, size=len(COUNTS))
    return mc.Poisson("y", present * rate, value=COUNTS, observed=True)


def zeros_by_hand(zero, rate):
    @mc.observed
    def y(value=COUNTS, zero=zero, rate=rate):
        some = np.log(1 - zero) + value * np.log(rate) - rate - gammaln(value + 1.0)
        return np.sum(np.where(value == 0, np.log(zero + (1 - zero) * np.exp(-rate)), some))

    return y


def zeros_by_loop(zero, rate):
    @mc.observed
    def y(value=COUNTS, zero=zero, rate=rate):
        total = 0.0
        for count in value:
            if count == 0:
                total += np.log(zero + (1 - zero) * np.exp(-rate))
            else:
                total += np.log(1 - zero) + count * np.log(rate) - rate - gammaln(count + 1.0)
        return total

    return y


ZEROS = {
    "the distribution": (zeros_by_law, 20_000),
    "labels": (zeros_by_labels, 40_000),
    "yes or no": (zeros_by_yes_or_no, 40_000),
    "by hand": (zeros_by_hand, 20_000),
    "by a loop": (zeros_by_loop, 2000),
}


@pytest.mark.parametrize(("data", "iterations"), ZEROS.values(), ids=ZEROS)
def test_too_many_zeros(data, iterations):
    zero, rate = mc.Uniform("zero", 0.0, 1.0), mc.Gamma("rate", 2.0, 0.5)
    m = sampled([zero, rate, data(zero, rate)], 5, iterations)
    grids = ref.gridded_pair(zeros_log_density, (0.0, 1.0), (0.0, 9.0), 800)
    for name, exact in zip(("zero", "rate"), grids, strict=True):
        assert_law(chains_of(m, name), exact, name)
    if "present" in m.draws().variables:
        present = chains_of(m, "present")
        assert (present[..., COUNTS > 0] == 1).all()
        assert_mean(present[..., COUNTS == 0], share_of_chance_zeros())


# -------------------------------------------------------------------- survival

TIMES = np.array([1.2, 3.4, 0.7, 5.0, 2.8, 5.0, 4.1, 5.0, 0.3, 2.2])
FAILED = TIMES < 5.0  # those at five were still running when the study ended


def survival_grid():
    """Weibull times; shape Gamma(4, 2), scale Gamma(3, 0.6)."""

    def log_density(shape, scale):
        hazard = (TIMES[:, None, None] / scale) ** shape
        rows = FAILED[:, None, None] * (np.log(shape / scale) + (shape - 1) * np.log(TIMES[:, None, None] / scale))
        return (rows - hazard).sum(0) + 3 * np.log(shape) - 2 * shape + 2 * np.log(scale) - 0.6 * scale

    return ref.gridded_pair(log_density, (0.0, 5.0), (0.0, 25.0), 800)


def survival(value, shape, scale):
    """Log hazards of the failures less all cumulative hazards."""
    log_hazard = np.log(shape / scale) + (shape - 1.0) * np.log(value / scale)
    return np.sum(FAILED * log_hazard - (value / scale) ** shape)


def survival_by_law(shape, scale):
    return mc.Censored("y", mc.Weibull, shape, scale, upper=5.0, value=TIMES, observed=True)


def survival_by_rows(shape, scale):
    bounds = np.where(FAILED, np.inf, TIMES)
    return mc.Censored("y", mc.Weibull, shape, scale, upper=bounds, value=TIMES, observed=True)


def survival_by_observed(shape, scale):
    @mc.observed
    def y(value=TIMES, shape=shape, scale=scale):
        return survival(value, shape, scale)

    return y


def survival_by_potential(shape, scale):
    @mc.potential
    def y(shape=shape, scale=scale):
        return survival(TIMES, shape, scale)

    return y


def survival_by_two_parts(shape, scale):
    """Failures are data of the distribution, the others a potential."""
    running = TIMES[~FAILED]

    @mc.potential
    def y(shape=shape, scale=scale):
        return -np.sum((running / scale) ** shape)

    return [y, mc.Weibull("failures", shape, scale, value=TIMES[FAILED], observed=True)]


def survival_by_foreign_call(shape, scale):
    @mc.potential
    def y(shape=shape, scale=scale):
        law = stats.weibull_min(float(shape), scale=float(scale))
        return float(np.where(FAILED, law.logpdf(TIMES), law.logsf(TIMES)).sum())

    return y


SURVIVAL = {
    "the distribution": (survival_by_law, 20_000),
    "the distribution, bounds by row": (survival_by_rows, 20_000),
    "observed": (survival_by_observed, 20_000),
    "potential": (survival_by_potential, 20_000),
    "two parts": (survival_by_two_parts, 20_000),
    "a foreign call": (survival_by_foreign_call, 450),
}


@pytest.mark.parametrize(("data", "iterations"), SURVIVAL.values(), ids=SURVIVAL)
def test_censored_survival(data, iterations):
    shape, scale = mc.Gamma("shape", 4.0, 2.0), mc.Gamma("scale", 3.0, 0.6)
    m = sampled([shape, scale, data(shape, scale)], 6, iterations, iterations // 10)
    for name, exact in zip(("shape", "scale"), survival_grid(), strict=True):
        assert_law(chains_of(m, name), exact, name)


# -------------------------------------------------------------------- a mixture of a distribution of one's own

ROWS = np.array([-0.9, 0.3, 1.1, 2.6, 3.4, 5.2])
CUTS = np.array([-0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
CENTRES = (0.0, 3.0)


def tent(value, mu):
    """Two-sided exponential around mu, all rows together."""
    return np.sum(-np.abs(value - mu) - np.log(2.0))


def tent_component(prior_mean):
    """For every subset of rows: the centre under its N(prior mean, 2) prior, on a grid."""
    mu = -9.0 + 21.0 * ref.midpoints(6000)
    prior = stats.norm(prior_mean, np.sqrt(2.0)).logpdf(mu) + np.log(21.0 / 6000)
    logs = prior + ref.subsets(len(ROWS)) @ (-np.abs(ROWS[:, None] - mu) - np.log(2.0))
    weights = ref.normalised(logs, 1)
    below = np.stack([weights @ np.clip((c - mu) / (21.0 / 6000) + 0.5, 0, 1) for c in CUTS], -1)
    return Component(logsumexp(logs, axis=1), {"mean": weights @ mu, "below": below})


def enumerated_tents():
    return ref.enumerated([tent_component(c) for c in CENTRES], len(ROWS), ref.dirichlet_label_prior([2.0, 1.0]))


def own_by_look_up(mu, z):
    @mc.observed
    def y(value=ROWS, mu=mu, z=z):
        return np.sum(-np.abs(value - mu[z]) - np.log(2.0))

    return y


def own_by_function(mu, z):
    """The look-up is a node of its own, the distribution a Stochastic."""
    return mc.Stochastic(tent, "two-sided exponential", "y", {"mu": mu[z]}, value=ROWS, observed=True)


def own_by_where(mu, z):
    @mc.observed
    def y(value=ROWS, mu=mu, z=z):
        near, far = -np.abs(value - mu[0]), -np.abs(value - mu[1])
        return (np.where(z == 0, near, far) - np.log(2.0)).sum()

    return y


def own_unrecordable(mu, z):
    def y(value, mu, z):
        return tent(value, mu[z])

    return mc.Stochastic(
        lambda value, mu, z: opaque(y)(value=value, mu=mu, z=z), "", "y", {"mu": mu, "z": z}, value=ROWS, observed=True
    )


def own_by_loop(mu, z):
    @mc.observed
    def y(value=ROWS, mu=mu, z=z):
        total = 0.0
        for row, label in zip(value, z, strict=True):
            centre = mu[0] if label < 0.5 else mu[1]
            total += -abs(row - centre) - np.log(2.0)
        return total

    return y


OWN = {
    "look-up": (own_by_look_up, True, 20_000),
    "function": (own_by_function, True, 20_000),
    "where": (own_by_where, True, 20_000),
    "unrecordable": (own_unrecordable, False, 1500),
    "loop": (own_by_loop, None, 1500),
}


@pytest.mark.slow
@pytest.mark.parametrize(("law", "recorded", "iterations"), OWN.values(), ids=OWN)
def test_two_groups_of_a_law_of_ones_own(law, recorded, iterations, capsys):
    w = mc.Dirichlet("w", [2.0, 1.0])
    z = mc.Categorical("z", w, size=len(ROWS))
    mu = mc.Normal("mu", CENTRES, 0.5, size=2)
    y = law(mu, z)
    m = mc.MCMC([w, z, mu, y])
    if recorded is not None:
        assert ("label update" in runs.line_of(m, "z", capsys)) is recorded
        print(m.explain())
        assert ("y" in told_as_python(capsys.readouterr().out)) is not recorded
    m.sample(iterations, iterations // 10, chains=4, seed=7, progress_bar=False)
    exact = enumerated_tents()
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), exact.memberships, "memberships")
    assert_below(chains_of(m, "mu"), CUTS, exact.expected("below"), "mu")
    assert_mean(chains_of(m, "w"), ref.dirichlet_expectations(exact, [2.0, 1.0], CUTS)["mean"], "w")


def told_as_python(said):
    """Names of functions that explain() says are called as written."""
    lines = [line for line in said.splitlines() if "python" in line.lower() or "as written" in line.lower()]
    return " ".join(lines).replace(",", " ").replace(":", " ").replace(";", " ").split()


def bell(value, centre, spread):
    return np.sum(-0.5 * ((value - centre) / spread) ** 2 - np.log(spread))


@pytest.mark.parametrize("hidden", [False, True])
def test_a_law_of_ones_own_without_labels(hidden, capsys):
    """As prior and as data; a normal distribution in disguise, so the posterior is known."""

    def law(value, centre, spread):
        return opaque(bell)(value=value, centre=centre, spread=spread) if hidden else bell(value, centre, spread)

    mu = mc.Stochastic(law, "", "mu", {"centre": 1.0, "spread": 2.0}, value=0.0)
    y = mc.Stochastic(law, "", "y", {"centre": mu, "spread": 1.0}, value=np.array([2.0, 3.0, 2.5]), observed=True)
    m = mc.MCMC([mu, y])
    print(m.explain())
    said = told_as_python(capsys.readouterr().out)
    assert ({"mu", "y"} <= set(said)) is hidden
    m.sample(2500 if hidden else 40_000, 500, chains=4, seed=8, progress_bar=False)
    precision = 0.25 + 3.0
    assert_law(chains_of(m, "mu"), stats.norm((0.25 + 7.5) / precision, precision**-0.5))


def test_a_law_of_ones_own_may_use_the_laws_of_scipy():
    """A contaminated normal written with SciPy's densities, against a grid."""
    x = np.array([0.2, -0.4, 0.9, 7.5])

    mu = mc.Normal("mu", 0.0, 0.1)

    @mc.observed
    def y(value=x, mu=mu, share=0.2):
        rows = np.logaddexp(
            np.log(1 - share) + stats.norm.logpdf(value, mu, 1.0), np.log(share) + stats.norm.logpdf(value, mu, 10.0)
        )
        return rows.sum()

    def log_density(mu):
        rows = np.logaddexp(
            np.log(0.8) + stats.norm.logpdf(x[:, None], mu, 1.0), np.log(0.2) + stats.norm.logpdf(x[:, None], mu, 10.0)
        )
        return rows.sum(0) - 0.05 * mu**2

    m = sampled([y], 9, 1200, 200)
    assert_law(chains_of(m, "mu"), ref.gridded(log_density, -9.0, 9.0))


# -------------------------------------------------------------------- gaps in vectors

COVER = np.array([[1.5, 0.9, -0.4], [0.9, 2.0, 0.3], [-0.4, 0.3, 1.0]])
PRIOR_MEAN = np.array([1.0, 0.0, -1.0])
PRIOR_COVER = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 3.0]])
VECTORS = np.array(
    [
        [1.2, np.nan, -0.3],
        [np.nan, np.nan, 0.8],
        [2.0, 1.1, np.nan],
        [0.4, 0.7, -1.9],
        [np.nan, -0.6, np.nan],
        [np.nan, np.nan, np.nan],
    ]
)


def gaps_in_closed_form():
    """Mean and missing entries given the rest, from the joint normal distribution of everything."""
    n, d = VECTORS.shape
    joint = np.kron(np.ones((n + 1, n + 1)), PRIOR_COVER)
    joint[d:, d:] += np.kron(np.eye(n), COVER)
    centre = np.tile(PRIOR_MEAN, n + 1)
    everything = np.concatenate([np.full(d, np.nan), VECTORS.ravel()])
    known = ~np.isnan(everything)
    slope = joint[np.ix_(~known, known)] @ np.linalg.inv(joint[np.ix_(known, known)])
    mean = centre[~known] + slope @ (everything[known] - centre[known])
    return mean, joint[np.ix_(~known, ~known)] - slope @ joint[np.ix_(known, ~known)]


LAWS = {
    "MvNormal": np.linalg.inv(COVER),
    "MvNormalCov": COVER,
    "MvNormalChol": np.linalg.cholesky(COVER),
}


@pytest.mark.parametrize(("law", "matrix"), LAWS.items(), ids=LAWS)
def test_gaps_in_vectors_with_an_unknown_mean(law, matrix):
    """The mean and every missing coordinate at once: means, variances and covariances."""
    mu = mc.MvNormalCov("mu", PRIOR_MEAN, PRIOR_COVER)
    y = getattr(mc, law)("y", mu, matrix, value=VECTORS, observed=True)
    m = sampled([mu, y], 10, 20_000)
    draws = np.concatenate([chains_of(m, "mu"), chains_of(m, "y")], -1)
    mean, cover = gaps_in_closed_form()
    assert draws.shape[2] == len(mean)
    assert_mean(draws, mean)
    away = draws - mean
    assert_mean(away[..., :, None] * away[..., None, :], cover)
    for i in range(len(mean)):
        assert_law(draws[..., i], stats.norm(mean[i], np.sqrt(cover[i, i])))

"""Variables on a circle: stationary distributions across the seam, starts, modes, statistics, labels, files,
pictures.
"""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.special import i0e, logsumexp

import mcmix as mc
import mcmix.testing
from mcmix.distributions import circle
from mcmix.kernels import transforms as kernels
from mcmix.report import arviz_bridge, arviz_measures, plots
from mcmix.report.diagnosis.mixing import mixing
from mcmix.report.statistics import hpd, node_statistics
from mcmix.sampling.unconstrained import Unconstrained
from tests.references import assert_below, assert_mean, chains_of, gridded

PI = np.pi
SEED = 20_261_129


def angles_about(centre, n, seed, concentration=5.0):
    return np.random.default_rng(seed).vonmises(centre, concentration, n)


def log_von_mises(x, location, concentration):
    return concentration * (np.cos(x - location) - 1.0) - np.log(2 * PI * i0e(concentration))


def one_direction(data, concentration=1.5, **keywords):
    mu = mc.VonMises("mu", 0.5, 0.4, **keywords)
    return mu, mc.VonMises("y", mu, concentration, value=data, observed=True)


def log_posterior(data, concentration=1.5):
    return lambda g: log_von_mises(g, 0.5, 0.4) + log_von_mises(data[:, None], g, concentration).sum(0)


def assert_on_circle(draws, log_density, cut, cells=20_000):
    """Draws (chains, draws) follow a density on the circle, which is cut open at one place to compare."""
    law = gridded(log_density, cut, cut + 2 * PI, cells)
    shares = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    assert_below(circle.wrapped(draws, cut, cut + 2 * PI), law.quantiles(shares), shares)


# -------------------------------------------------------------------- the circle


def test_the_kernels_wrapping_is_numpys_twin_and_keeps_what_lies_inside():
    x = np.concatenate([np.random.default_rng(1).normal(0, 30, 200), [PI, -PI, 3 * PI, 0.0, np.nextafter(-PI, 0)]])
    kernel = np.array([kernels.wrapped(float(v), -PI, PI) for v in x])
    np.testing.assert_allclose(kernel, circle.wrapped(x), rtol=0, atol=1e-13)  # multiply and add may be one step
    assert ((kernel > -PI) & (kernel <= PI)).all()
    np.testing.assert_allclose(np.exp(1j * kernel), np.exp(1j * x), atol=1e-13)
    inside = (x > -PI) & (x <= PI)
    np.testing.assert_array_equal(kernel[inside], x[inside])
    assert circle.wrapped(-PI) == PI and np.isnan(circle.wrapped(np.inf))


@pytest.mark.parametrize("centre", [0.0, 2.0, 3.1, -3.1])
def test_statistics_are_scipys(centre):
    x = angles_about(centre, 4000, 7, 3.0).reshape(4, 1000)
    np.testing.assert_allclose(circle.mean_direction(x), stats.circmean(x, PI, -PI), atol=1e-12)
    np.testing.assert_allclose(circle.circular_deviation(x), stats.circstd(x, PI, -PI), atol=1e-12)
    found = node_statistics(x, circular=True)
    assert found["mean"] == circle.mean_direction(x)
    np.testing.assert_allclose(found["standard deviation"], stats.circstd(x, PI, -PI))
    turned = node_statistics(circle.wrapped(x - centre), circular=True)  # where the seam is decides nothing
    for key in ("standard deviation", "mc error"):
        np.testing.assert_allclose(found[key], turned[key], rtol=1e-10)
    for own, other in (
        (found["95% HPD interval"], turned["95% HPD interval"]),
        (np.array([*found["quantiles"].values()]), np.array([*turned["quantiles"].values()])),
    ):
        np.testing.assert_allclose(np.exp(1j * own), np.exp(1j * (other + centre)), atol=1e-10)


def test_the_shortest_arc_crosses_the_seam_and_is_brute_force():
    x = np.sort(circle.wrapped(angles_about(PI, 200, 3, 6.0)))
    low, high = hpd(x[None, :, None], 0.1, circular=True)[:, 0]
    assert low > high  # across the seam
    steps = int(0.9 * 200)
    widths = [(x[(i + steps) % 200] - x[i]) % (2 * PI) for i in range(200)]
    assert (high - low) % (2 * PI) == pytest.approx(min(widths))
    arcs = arviz_measures.hdi(x[None], 0.9, circular=True)
    np.testing.assert_allclose(np.exp(1j * arcs), np.exp(1j * np.array([low, high])), atol=0.02)  # one draw apart


def test_mixing_does_not_know_the_seam():
    rng = np.random.default_rng(4)
    x = rng.vonmises(0.0, 4.0, (1, 4, 500))
    here, there = mixing(circle.wrapped(x), circular=True), mixing(circle.wrapped(x + PI), circular=True)
    np.testing.assert_allclose([here.rhat, here.bulk, here.tail], [there.rhat, there.bulk, there.tail], rtol=1e-6)
    assert here.rhat[0] < 1.02 and here.bulk[0] > 1000
    np.testing.assert_allclose(arviz_measures.rhat(x[0], circular=True), here.rhat[0], rtol=1e-6)
    np.testing.assert_allclose(arviz_measures.ess(x[0], "bulk", circular=True), here.bulk[0], rtol=1e-6)
    x[0, 0] += 2.0  # one chain elsewhere
    assert mixing(circle.wrapped(x + PI), circular=True).rhat[0] > 1.3
    still = np.repeat(np.array([[[0.5], [-0.5]]]), 10, axis=2)
    assert mixing(still, circular=True).rhat[0] == np.inf  # their cosines alone would agree


def test_the_error_of_a_circular_mean_is_that_of_many_runs():
    rng = np.random.default_rng(8)
    runs = rng.vonmises(PI, 1.0, (400, 1, 250))
    means = circle.mean_direction(runs, axis=(1, 2))
    told = np.array([arviz_measures.mcse(x, circular=True) for x in runs[:60]]).mean()
    actual = np.sqrt(np.mean(circle.from_direction(means, PI) ** 2))
    assert told == pytest.approx(actual, rel=0.2)  # a standard deviation from 400 runs is known to 3.5 %
    deviations = circle.circular_deviation(runs, axis=(1, 2))
    told = np.array([arviz_measures.mcse(x, "sd", circular=True) for x in runs[:60]]).mean()
    assert told == pytest.approx(deviations.std(), rel=0.2)


# -------------------------------------------------------------------- stationary distributions


STEPS = {
    "slice": (None, {}),
    "slice of a width": (mc.Slicer, {"w": 0.3}),
    "slice wider than the circle": (mc.Slicer, {"w": 50.0}),
    "Metropolis": (mc.Metropolis, {}),
    "Metropolis on its scale": (mc.Metropolis, {"proposal_sd": 1.0}),
    "adaptive block": (mc.AdaptiveMetropolis, {}),
    "adaptive block with a covariance": (mc.AdaptiveMetropolis, {"cov": [[0.5]]}),
}


@pytest.mark.parametrize("how", STEPS)
def test_a_direction_across_the_seam_has_its_law_under_each_step(how):
    data = angles_about(PI, 6, 2, 1.0)
    mu, y = one_direction(data)
    m = mc.MCMC([mu, y])
    step, options = STEPS[how]
    if step is not None:
        m.use_step_method(step, mu, **options)
    m.sample(5000, 1000, chains=4, seed=SEED, progress_bar=False)
    draws = chains_of(m, "mu")
    assert ((draws > -PI) & (draws <= PI)).all()
    assert_on_circle(draws, log_posterior(data), 0.2)
    assert m.diagnose().ok


def test_steps_written_by_a_user_may_leave_the_circle_and_come_back():
    data = angles_about(PI, 6, 2, 1.0)

    class Walk(mc.Metropolis):
        def propose(self):
            self.stochastic.value = self.stochastic.value + self.rng.normal(0.0, 2.0)

    mu, y = one_direction(data)
    m = mc.MCMC([mu, y])
    m.use_step_method(Walk, mu)
    m.sample(2000, 100, chains=2, seed=SEED, progress_bar=False)
    assert_on_circle(chains_of(m, "mu", 2), log_posterior(data), 0.2)
    mu.value = 4.0
    assert mu.value == pytest.approx(4.0 - 2 * PI)


@pytest.mark.parametrize("step", [None, mc.Metropolis, mc.AdaptiveMetropolis])
def test_a_flat_circle_stays_flat_and_its_proposals_bounded(step):
    mu = mc.VonMises("mu", 0.0, 0.0)
    flat = mc.Potential(logp=lambda mu: 0.0 * mu, name="flat", parents={"mu": mu}, doc="")
    m = mc.MCMC([mu, flat])
    if step is not None:
        m.use_step_method(step, mu)
    m.sample(25_000, 20_000, chains=2, seed=SEED, progress_bar=False)
    draws = chains_of(m, "mu", 2)
    assert ((draws > -PI) & (draws <= PI)).all()
    shares = np.arange(1, 8) / 8.0
    assert_below(draws, -PI + 2 * PI * shares, shares)


def test_angles_beside_numbers_on_a_line_in_one_block():
    rng = np.random.default_rng(5)
    x = circle.wrapped(rng.vonmises(PI, 2.0, 12))
    mu = mc.VonMises("mu", 0.0, 0.1)
    kappa = mc.Gamma("kappa", 2.0, 1.0)
    m = mc.MCMC([mu, kappa, mc.VonMises("y", mu, kappa, value=x, observed=True)])
    m.use_step_method(mc.AdaptiveMetropolis, [mu, kappa])
    m.sample(5000, 2000, chains=4, seed=SEED, progress_bar=False)

    def log_marginal(g):
        k = np.linspace(0.02, 16.0, 400)[:, None]
        c, s = np.cos(x).sum(), np.sin(x).sum()
        logs = k * (c * np.cos(g) + s * np.sin(g) - 12) - 12 * np.log(2 * PI * i0e(k)) + np.log(k) - k
        return logsumexp(logs, axis=0) + 0.1 * np.cos(g)

    assert_on_circle(chains_of(m, "mu"), log_marginal, 0.0, 2000)


def test_many_angles_whose_density_is_one_move_as_a_block():
    target = np.array([PI, -3.0, 3.0, 0.0, 1.0, 2.0, -2.0, -1.0, 3.14, -3.14])
    theta = mc.VonMises("theta", target, 4.0, size=10)
    m = mc.MCMC([theta, mc.Normal("y", mc.sum(mc.cos(theta - target)), 0.1, value=3.0, observed=True)])
    m.sample(12_000, 6000, chains=4, seed=SEED, progress_bar=False)
    away = circle.from_direction(chains_of(m, "theta"), target)
    for i in range(1, 10):  # all alike about their targets, wherever these are
        assert_mean(np.cos(away[:, :, i]) - np.cos(away[:, :, 0]), 0.0)
        assert_mean(np.sin(away[:, :, i]), 0.0)
    assert (np.abs(chains_of(m, "theta")) <= PI).all()


def test_missing_angles_are_drawn_on_the_circle():
    data = np.append(angles_about(PI, 8, 2, 3.0), np.nan)
    mu = mc.VonMises("mu", 0.0, 0.2)
    y = mc.VonMises("y", mu, 3.0, value=data, observed=True)
    pull = mc.Potential(logp=lambda y: 0.5 * np.cos(y[8] + 3.0), name="pull", parents={"y": y}, doc="")
    m = mc.MCMC([y, mu, pull])
    m.sample(5000, 1000, chains=4, seed=SEED, progress_bar=False)
    g = np.linspace(-PI, PI, 2001)[:-1]
    logs = log_von_mises(g, 0.0, 0.2) + log_von_mises(data[:8, None], g, 3.0).sum(0)

    def missing(z):
        return logsumexp(logs[:, None] + log_von_mises(z[None, :], g[:, None], 3.0), axis=0) + 0.5 * np.cos(z + 3.0)

    draws = chains_of(m, "y")[:, :, 0]
    law_cells = gridded(missing, 0.0, 2 * PI, 1000)
    shares = np.array([0.1, 0.5, 0.9])
    assert_below(circle.wrapped(draws, 0.0, 2 * PI), law_cells.quantiles(shares), shares)
    assert abs(circle.from_direction(m.completed("y")[8], circle.mean_direction(draws))) < 1e-12


# -------------------------------------------------------------------- labels


FEW = np.array([3.0, -3.0, 3.1, 0.2, 0.4])


def two_directions():
    w, mu = mc.Dirichlet("w", [1, 1]), mc.VonMises("mu", 0.0, 0.2, size=2)
    return [mc.Mixture("y", w, mc.VonMises, mu, 4.0, value=FEW, observed=True)]


def test_a_small_mixture_across_the_seam_has_its_exact_posterior():
    found = mcmix.testing.enumeration_test(mc.Model(two_directions()), seed=SEED, false_alarm=1e-6)
    assert found.passed, found


def test_laws_of_directions_in_a_list():
    def model():
        mu = mc.VonMises("mu", 0.0, 0.3)
        parts = [mc.VonMises.dist(mu, 4.0), mc.Uniform.dist(-PI, PI)]
        return mc.Model([mc.Mixture("y", [0.7, 0.3], parts, value=FEW[[0, 1, 3]], observed=True), mu])

    found = mcmix.testing.enumeration_test(model(), seed=SEED, false_alarm=1e-6)
    assert found.passed, found


@pytest.fixture(scope="module")
def mixture():
    rng = np.random.default_rng(3)
    x = circle.wrapped(np.concatenate([rng.vonmises(PI, 8, 150), rng.vonmises(0.3, 8, 100)]))
    w, mu = mc.Dirichlet("w", [1, 1]), mc.VonMises("mu", 0.0, 0.01, size=2)
    kappa = mc.Gamma("kappa", 2.0, 0.2, size=2)
    m = mc.MCMC([mc.Mixture("y", w, mc.VonMises, mu, kappa, value=x, observed=True)])
    return m.sample(800, 300, chains=4, seed=1, progress_bar=False)


def test_a_mixture_across_the_seam_is_fine_and_says_so(mixture):
    found = mixture.diagnose()
    assert found.ok and found.headline == "converged"
    places = sorted(np.abs(found.table.loc[["mu (sorted)[0]", "mu (sorted)[1]"], "mean"]))
    np.testing.assert_allclose(places, [0.31, 3.11], atol=0.05)
    assert (found.table.loc[["mu (sorted)[0]", "mu (sorted)[1]"], "sd"] < 0.06).all()


@pytest.mark.parametrize(
    "method", ["auto", "ecr", "ecr-iterative-2", "pra", "ordering", "point-process", "stephens", "data-based"]
)
def test_relabelling_averages_on_the_circle(mixture, method):
    found = mc.relabel(mixture, method=method, **({"by": "mu"} if method == "ordering" else {}))
    mu = found["posterior"]["mu"].values
    assert (circle.circular_deviation(mu, axis=(0, 1)) < 0.06).all()
    np.testing.assert_allclose(np.sort(np.abs(circle.mean_direction(mu, axis=(0, 1)))), [0.31, 3.11], atol=0.05)
    assert (found["constant_data"]["mu_rhat_after"].values < 1.05).all()
    again = mc.relabel(arviz_bridge.container_of(found), method="pra") if method == "pra" else found
    assert (circle.circular_deviation(again["posterior"]["mu"].values, axis=(0, 1)) < 0.06).all()


def test_chains_in_different_places_of_the_circle_are_said_to_disagree():
    data = angles_about(PI, 5, 2, 50.0)
    mu, y = one_direction(data, 50.0)
    m = mc.MCMC([mu, y]).sample(300, 100, chains=4, seed=1, progress_bar=False)
    assert m.diagnose().ok
    kept = m.draws()
    kept.variables["mu"] = kept.variables["mu"].copy()
    kept.variables["mu"][2] = circle.wrapped(kept.variables["mu"][2] + 0.6)
    found = m.diagnose()
    assert found.headline == "chains disagree" and found.table.loc["mu", "r_hat"] > 1.3


# -------------------------------------------------------------------- starts, modes, values


def test_seedings_see_points_on_the_circle(mixture):
    x = circle.wrapped(np.concatenate([angles_about(PI, 60, 1, 40.0), angles_about(0.0, 60, 2, 40.0)]))
    w, mu = mc.Dirichlet("w", [1, 1]), mc.VonMises("mu", 0.0, 0.01, size=2)
    m = mc.MCMC([mc.Mixture("y", w, mc.VonMises, mu, 40.0, value=x, observed=True), mu])
    m.sample(1, 0, chains=8, seed=1, progress_bar=False)
    starts = chains_of(m, "mu", 8)[:, 0]
    near = np.sort(np.abs(starts), axis=1)
    np.testing.assert_allclose(near, np.tile([0.0, PI], (8, 1)), atol=0.3)  # no centre between the two halves of one


@pytest.mark.parametrize("method", ["fmin_powell", "fmin_bfgs", "fmin"])
def test_the_mode_is_found_across_the_seam(method):
    data = angles_about(PI, 30, 2, 3.0)
    mu, y = one_direction(data, 3.0, value=-2.0)
    found = mc.MAP([mu, y]).fit(method=method, seed=1)
    exact = np.angle(0.4 * np.exp(0.5j) + 3.0 * np.exp(1j * data).sum())
    assert found.converged
    assert abs(circle.from_direction(mu.value, exact)) < 1e-4


def test_a_normal_approximation_lies_on_the_circle():
    data = angles_about(PI, 30, 2, 3.0)
    mu, y = one_direction(data, 3.0)
    found = mc.NormApprox([mu, y]).fit(seed=1)
    resultant = abs(0.4 * np.exp(0.5j) + 3.0 * np.exp(1j * data).sum())
    np.testing.assert_allclose(found.C[mu], 1.0 / resultant, rtol=1e-4)
    found.sample(4000, seed=2)
    draws = found.trace("mu")[:]
    assert ((draws > -PI) & (draws <= PI)).all() and (draws > 0).any() and (draws < 0).any()
    assert found.stats()["mu"]["standard deviation"] == pytest.approx(resultant**-0.5, rel=0.06)  # 5 errors of 4000


def test_the_flat_view_goes_round_and_integrals_open_the_circle():
    mu = mc.VonMises("mu", 0.0, 1.0, size=2)
    view = Unconstrained([mu])
    assert not view.bounded.any()
    np.testing.assert_allclose(view.values(np.array([4.0, -3.0 * PI]))[mu], [4.0 - 2 * PI, PI])
    assert view.log_jacobian(np.array([4.0, 0.0])) == 0.0
    opened = Unconstrained([mu], {mu: np.array([PI, 0.0])})
    values = np.array([-3.0, 1.0])
    np.testing.assert_allclose(opened.values(opened.free({mu: values}))[mu], values, atol=1e-12)
    h = 1e-6
    at = opened.free({mu: values})
    slopes = [
        (opened.values(at + h * e)[mu] - opened.values(at - h * e)[mu])[i] / (2 * h) for i, e in enumerate(np.eye(2))
    ]
    np.testing.assert_allclose(np.log(slopes).sum(), opened.log_jacobian(at), atol=1e-6)


def test_evidence_counts_an_angle_once():
    data = angles_about(PI, 6, 2, 1.0)
    exact = np.log(2 * PI) + logsumexp(log_posterior(data)(np.linspace(-PI, PI, 4001)[:-1])) - np.log(4000)
    mu, y = one_direction(data)
    m = mc.MCMC([mu, y]).sample(3000, 500, chains=4, seed=1, progress_bar=False)
    assert mc.evidence(m).log == pytest.approx(exact, abs=0.02)
    assert mcmix.testing.enumerated(mc.Model(one_direction(data))).log_evidence == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("value", [270.0, [0.5, 4.0]])
def test_data_beyond_the_circle_are_refused_with_what_to_do(value):
    with pytest.raises(mc.SupportError, match=r"y: .*radians.*np\.radians"):
        mc.VonMises("y", 0.0, 1.0, value=value, observed=True)
    mu = mc.VonMises("mu", 0.0, 1.0)
    m = mc.MCMC([mu, mc.VonMises("y", mu, 1.0, value=[0.1, 0.2], observed=True)])
    with pytest.raises(mc.SupportError, match="mu: .*radians"):
        m.sample(10, 0, start={"mu": 270.0}, progress_bar=False)


@pytest.mark.parametrize("end", [PI, -PI])
def test_both_names_of_the_seam_are_one_point(end):
    mu, y = one_direction(np.array([end, end, 3.0]), 5.0, value=end)
    m = mc.MCMC([mu, y]).sample(400, 100, chains=2, seed=1, progress_bar=False)
    other = one_direction(np.array([-end, -end, 3.0]), 5.0, value=-end)
    again = mc.MCMC(other).sample(400, 100, chains=2, seed=1, progress_bar=False)
    np.testing.assert_allclose(np.cos(m.trace("mu")[:]), np.cos(again.trace("mu")[:]), atol=1e-7)


def test_variational_bayes_says_that_it_has_no_such_law():
    mu, y = one_direction(angles_about(PI, 6, 2))
    with pytest.raises(mc.ModelError, match="VonMises"):
        mc.VB([mu, y])


# -------------------------------------------------------------------- reports


@pytest.fixture(scope="module")
def direction():
    data = angles_about(PI, 40, 2, 5.0)
    mu = mc.VonMises("mu", 0.0, 0.01)
    double = mc.Deterministic(lambda mu: 2.0 * mu, "twice mu", "twice", {"mu": mu})
    m = mc.MCMC([mu, double, mc.VonMises("y", mu, 5.0, value=data, observed=True)])
    return m.sample(1500, 500, chains=4, seed=1, progress_bar=False)


def test_summaries_are_circular_and_functions_of_angles_are_not(direction):
    draws = chains_of(direction, "mu")
    assert (draws > 2).any() and (draws < -2).any()
    row = direction.summary().loc["mu"]
    assert row["mean"] == pytest.approx(stats.circmean(draws, PI, -PI))
    assert row["sd"] == pytest.approx(stats.circstd(draws, PI, -PI))
    assert row["hdi_2.5%"] > 2.5 and row["hdi_97.5%"] < -2.5
    assert row["r_hat"] < 1.05 and row["ess_bulk"] > 1000 and row["mcse_mean"] < 0.01
    assert direction.stats("mu")["mu"]["mean"] == pytest.approx(row["mean"])
    assert direction.moments("mu")[0] == pytest.approx(row["mean"])
    assert direction.summary().loc["twice", "sd"] > 5.0  # a number on a line: 2 pi here, -2 pi there
    assert direction.diagnose().table.loc["mu", "sd"] == pytest.approx(row["sd"])


def test_files_and_arviz_are_told(direction, tmp_path):
    data = direction.to_arviz()
    assert mc.circ_var_names(direction) == mc.circ_var_names(data) == ["mu"]
    path = arviz_bridge.to_netcdf(data, tmp_path / "angles.nc")
    assert mc.circ_var_names(path) == ["mu"]
    assert json.loads(data.attrs[arviz_bridge.ANGLES]) == ["mu", "y"]
    table = arviz_bridge.summary(data, var_names=["mu"], round_to=6)
    if arviz_bridge.generation() == 0:  # the successor's table knows no angles
        assert table.loc["mu", "mean"] == pytest.approx(direction.summary().loc["mu", "mean"], abs=1e-4)
    mu = mc.VonMises("mu", 0.0, 0.01)
    y = mc.VonMises("y", mu, 5.0, value=direction.observed_data()["y"], observed=True)
    read = mc.MCMC([mu, y]).read(path)
    assert read.summary().loc["mu", "sd"] == pytest.approx(direction.summary().loc["mu", "sd"])


def test_pictures_do_not_cut_at_the_seam(direction, mixture):
    pytest.importorskip("matplotlib")
    centre = circle.mean_direction(chains_of(direction, "mu"))
    for draw in (plots.facets, plots.trace, plots.ranks, plots.prior_posterior):
        figure = draw(direction, "mu")
        figure.clear()
    low, high = plots.facets(direction, "mu").axes[0].get_xlim()
    assert low < centre < high and high - low < 1.5 and (high > PI or low < -PI)
    line = plots.trace(direction, "mu").axes[0].get_lines()[0].get_ydata()
    assert np.ptp(line) < 1.5
    wide = {"mu": np.random.default_rng(1).uniform(-PI, PI, (2, 300))}
    data = arviz_bridge.to_inference_data({"posterior": wide}, attributes={arviz_bridge.ANGLES: '["mu"]'})
    line = plots.trace(data).axes[0].get_lines()[0].get_ydata()
    steps = np.abs(np.diff(line))
    assert np.isnan(line).any() and np.nanmax(steps) <= PI
    assert plots.components(mixture, "mu").axes

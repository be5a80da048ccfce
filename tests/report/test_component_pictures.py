"""Figures of components, ranks, memberships, priors and replicates: what is on them, and on whose axes."""

from io import BytesIO

import matplotlib
import numpy as np
import pytest
from pandas import DataFrame, Series
from scipy import stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.nodes.stochastic import names_of
from mcmix.report import arviz_bridge
from mcmix.report.labels.by_component import by_component
from mcmix.report.plots.rank_bars import rank_counts
from mcmix.report.plots.style import component_colour
from mcmix.traces.memory import Draws

RNG = np.random.default_rng(7)
SPEEDS = Series(np.concatenate([RNG.normal(0, 1, 60), RNG.normal(9, 1, 40)]), name="velocity")
SPEEDS.attrs["units"] = "km/s"
PLANE = DataFrame(RNG.normal(size=(40, 2)), columns=["length", "width"])
PLANE.attrs["units"] = {"width": "cm"}


@pytest.fixture(scope="module")
def m():
    """Two components far apart; four chains, in some of which they have each other's name."""
    w = mc.Dirichlet("w", [1, 1])
    mu, tau = mc.Normal("mu", 0, 1e-4, size=2), mc.Gamma("tau", 1, 1, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, tau, value=SPEEDS, observed=True)
    return mc.MCMC([y, mu, tau, w]).sample(500, 200, chains=4, seed=5)


@pytest.fixture(scope="module")
def relabelled(m):
    return mc.relabel(m)


def panels(figure):
    """Axes by what stands below them."""
    return {axes.get_xlabel(): axes for axes in figure.axes if axes.get_xlabel()}


def bars(patch):
    """Heights and edges of one step histogram."""
    values, edges, _ = patch.get_data()
    return np.asarray(values), np.asarray(edges)


def swapped(k=3, size=(2, 300)):
    """Draws of separate components under random names, and relabelled: as arrays by name."""
    rng = np.random.default_rng(3)
    order = np.argsort(rng.random((*size, k)), axis=2)
    mu = np.take_along_axis(rng.normal(10.0 * np.arange(k), 0.5, (*size, k)), order, 2)
    return mc.relabel({"mu": mu}, "pra", vars={"components": "mu"}), mu


# ---------------------------------------------------------------- components


def test_components_show_draws_as_sampled_and_relabelled():
    found, mu = swapped()
    figure = mc.plots.components(found, bins=30)
    after = np.asarray(found["posterior"]["mu"].values)
    for k in range(3):
        axes = panels(figure)[f"mu[{k}]"]
        filled, outlined = axes.patches
        for patch, draws in ((filled, after), (outlined, mu)):
            heights, edges = bars(patch)
            np.testing.assert_array_equal(heights, np.histogram(draws[:, :, k], edges)[0])
        assert axes.lines[0].get_xdata()[0] == pytest.approx(after[:, :, k].mean())
        assert bars(filled)[0].sum() > 0.98 * after[:, :, k].size > 2 * bars(outlined)[0].sum()
        assert matplotlib.colors.to_hex(filled.get_facecolor()) == component_colour(k).lower()


def test_components_far_apart_have_their_own_scales_below_a_strip_on_a_common_one():
    found, mu = swapped()
    figure = mc.plots.components(found)
    strips = [axes for axes in figure.axes if not axes.get_xlabel()]
    assert len(strips) == 3
    for k, axes in enumerate(strips):
        assert axes.get_xlim()[0] < -1 and axes.get_xlim()[1] > 21
        heights, edges = bars(axes.patches[0])
        np.testing.assert_array_equal(heights, np.histogram(mu[:, :, k], edges)[0])
        low, high = axes.lines[0].get_xdata()
        assert low < np.asarray(found["posterior"]["mu"].values)[:, :, k].mean() < high
    widths = [np.diff(panels(figure)[f"mu[{k}]"].get_xlim())[0] for k in range(3)]
    assert max(widths) < 6


def test_components_near_each_other_share_one_scale(relabelled):
    figure = mc.plots.components(relabelled, "w")
    limits = {axes.get_xlim() for axes in panels(figure).values()}
    assert list(panels(figure)) == ["w[0]", "w[1]"]
    assert len(limits) == 1


def test_a_sampler_relabels_itself(m, relabelled):
    own, given = (panels(mc.plots.components(x, ["mu", "tau"])) for x in (m, relabelled))
    assert list(own) == ["mu[0]", "mu[1]", "tau[0]", "tau[1]"]
    for label, axes in own.items():
        np.testing.assert_array_equal(bars(axes.patches[0])[0], bars(given[label].patches[0])[0])


def test_as_sampled_is_what_the_sampler_drew(m, relabelled):
    for number in by_component(relabelled):
        np.testing.assert_array_equal(number.before, m.draws().variables[number.variables[0]])


def test_two_label_vectors_and_a_name_that_files_cannot_hold():
    rng = np.random.default_rng(1)
    x, u = rng.normal([0, 9, 20], 1, (30, 3)).ravel(), rng.normal([0, 9], 1, (30, 2)).ravel()
    mu, nu = mc.Normal("mu", 10, 1e-3, size=3), mc.Normal("nu/x", 5, 1e-2, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1, 1]), size=90)
    k = mc.Categorical("k", mc.Dirichlet("v", [1, 1]), size=60)
    y, s = mc.Normal("y", mu[z], 1.0, value=x, observed=True), mc.Normal("s", nu[k], 1.0, value=u, observed=True)
    m = mc.MCMC([y, s, mu, nu, z, k]).sample(200, 100, chains=4, seed=1)
    found = mc.relabel(m)
    for number in by_component(found, names={"nu per x": "nu/x"}):
        np.testing.assert_array_equal(number.before, m.draws().variables[number.variables[0]])
        assert np.ptp(number.after.mean(axis=1), axis=0).max() < 0.5  # one place for all chains
    assert list(panels(mc.plots.components(m, label="k"))) == ["nu/x[0]", "nu/x[1]", "v[0]", "v[1]"]
    assert list(panels(mc.plots.components(found, "nu per x"))) == ["nu per x[0]", "nu per x[1]"]
    assert list(panels(mc.plots.prior_posterior(m, "nu/x"))) == ["nu/x[0]", "nu/x[1]"]


def test_components_of_vectors_matrices_and_lists():
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.normal(c, 1, (30, 2)) for c in (0, 8)])
    mu, prec = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=2), mc.Wishart("prec", 4, np.eye(2), size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=60)
    m = mc.MCMC([mc.MvNormal("y", mu[z], prec[z], value=x, observed=True), mu, prec, z])
    shown = list(panels(mc.plots.components(m.sample(200, 100, chains=2, seed=2))))
    assert shown[:4] == ["mu[0, 0]", "mu[1, 0]", "mu[0, 1]", "mu[1, 1]"]
    assert "prec[0, 0, 1]" in shown and "prec[0, 1, 0]" not in shown  # once of what is symmetric


def test_a_share_of_one_of_two_has_a_panel_of_its_own():
    p, a, b = mc.Beta("p", 1, 1), mc.Normal("a", 0, 0.01), mc.Normal("b", 0, 0.01)
    z = mc.Bernoulli("z", p, size=100)
    mu = mc.Lambda("mu", lambda z=z, a=a, b=b: np.where(z, a, b), trace=False)
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=SPEEDS, observed=True), p, a, b, z])
    figure = mc.plots.components(m.sample(300, 100, chains=2, seed=4))
    assert set(panels(figure)) == {"p", "a", "b"}


def test_many_panels_are_left_out_and_said():
    rng = np.random.default_rng(2)
    order = np.argsort(rng.random((2, 20, 20)), axis=2)
    mu = np.take_along_axis(rng.normal(np.arange(20.0), 0.1, (2, 20, 20)), order, 2)
    wide = mu[..., np.newaxis] * np.arange(1.0, 6.0)
    found = mc.relabel({"mu": mu, "wide": wide}, "pra", vars={"components": ["mu", "wide"]})
    figure = mc.plots.components(found)
    assert len(panels(figure)) == 20
    assert "wide (100 panels)" in figure.get_supxlabel()
    with pytest.raises(ModelError, match="at most 60 panels, got"):
        mc.plots.components(found, ["mu", "wide"])


def test_components_that_cannot_be_drawn_are_refused(m, relabelled):
    with pytest.raises(ModelError, match="names expected some of mu, tau, w, got 'sd'; facets draws any"):
        mc.plots.components(relabelled, "sd")
    with pytest.raises(ModelError, match=r"label= expected one of 'y label', got 'z'"):
        mc.plots.components(relabelled, label="z")
    with pytest.raises(ModelError, match="expected relabelled draws: pass what mc.relabel returns"):
        mc.plots.components(m.to_arviz())
    mu = mc.Normal("mu", 0, 1)
    plain = mc.MCMC([mc.Normal("x", mu, 1, value=[0.1, 0.3], observed=True), mu]).sample(100, 50, chains=1, seed=1)
    with pytest.raises(ModelError, match="no components are exchangeable"):
        mc.plots.components(plain)
    with pytest.raises(ModelError, match="expected an MCMC object"):
        mc.plots.components(3)


# ---------------------------------------------------------------- trace, facets, ranks


@pytest.mark.parametrize("plot", [mc.plots.trace, mc.plots.facets, mc.plots.ranks])
def test_draws_may_come_from_anywhere(plot, m, relabelled, tmp_path):
    file = arviz_bridge.to_netcdf(relabelled, tmp_path / "run.nc")
    for source in (m, relabelled, file, m.draws(), {"mu": m.draws().variables["mu"]}):
        figure = plot(source, "mu")
        assert any("mu[1]" in a.get_xlabel() + a.get_ylabel() + a.get_title() for a in figure.axes)
    with pytest.raises(ModelError, match="expected an MCMC object, a netCDF file"):
        plot(3.0)
    with pytest.raises(ModelError, match="no draws of 'nu'"):
        plot(relabelled, "nu")


def test_trace_of_relabelled_draws_stays_at_one_component(relabelled):
    axes = mc.plots.trace(relabelled, "mu[0]").axes[0]
    values = np.concatenate([line.get_ydata() for line in axes.get_lines()])
    assert np.ptp(values) < 5


def test_rank_counts_against_ranks_of_all_draws():
    draws = np.random.default_rng(9).normal(size=(3, 200))
    places = stats.rankdata(draws).reshape(draws.shape) - 1
    expected = [np.histogram(chain, bins=np.linspace(0, 600, 11))[0] for chain in places]
    np.testing.assert_array_equal(rank_counts(draws, 10), expected)


def test_equal_draws_are_flat():
    counts = rank_counts(np.random.default_rng(10).integers(0, 2, (4, 1000)), 10)
    assert counts.sum(axis=1).tolist() == [1000] * 4
    spread = np.sqrt(100 * 0.9 * 0.75)  # hypergeometric
    assert np.abs(counts - 100).max() < 4.5 * spread


def test_ranks_bars_band_and_labels():
    draws = np.random.default_rng(11).normal(size=(2, 400, 2))
    draws[0, :, 1] += 50.0  # one chain above the other
    figure = mc.plots.ranks(Draws({"mu": draws}), bins=10, color="green")
    left, right = figure.axes
    assert [left.get_title(), right.get_title()] == ["mu[0]", "mu[1]"]
    assert [t.get_text() for t in left.get_yticklabels()] == ["0", "1"]
    heights = np.array([p.get_height() for p in left.patches if p.get_width() < 0.5]).reshape(2, 10)
    np.testing.assert_allclose(heights, rank_counts(draws[:, :, 0], 10) / 40)
    apart = np.array([p.get_height() for p in right.patches if p.get_width() < 0.5]).reshape(2, 10)
    assert (apart > 0).tolist() == [[False] * 5 + [True] * 5, [True] * 5 + [False] * 5]
    band = [p for p in left.patches if p.get_width() >= 0.5][0]
    sd = np.sqrt(0.9 * 10 / 400 * 400 / 799)
    assert band.get_height() == pytest.approx(2 * 1.959964 * sd, rel=1e-5)
    assert left.get_xlabel() == right.get_xlabel() == "rank / number of draws"


def test_one_chain_is_parted_into_halves():
    draws = np.random.default_rng(12).normal(size=(1, 401))
    figure = mc.plots.ranks({"a": draws}, bins=5)
    heights = np.array([p.get_height() for p in figure.axes[0].patches if p.get_width() < 0.5]).reshape(2, 5)
    np.testing.assert_allclose(heights, rank_counts(np.stack([draws[0, :200], draws[0, 200:400]]), 5) / 40)
    assert figure.axes[0].get_ylabel() == "half of the chain"


def test_ranks_of_odd_draws_are_drawn_and_bad_arguments_refused():
    odd = {
        "constant": np.ones((2, 5)),
        "nothing": np.full((2, 5), np.nan),
        "truth": np.array([[True] * 4 + [False]] * 2),
    }
    mc.plots.ranks(odd).savefig(BytesIO())
    mc.plots.ranks({"single": np.array([[1.5]])}).savefig(BytesIO())
    with pytest.raises(ModelError, match="bins expected a whole number of at least 2, got 1"):
        mc.plots.ranks(odd, bins=1)
    with pytest.raises(ModelError, match="probability expected a number between 0 and 1"):
        mc.plots.ranks(odd, probability=1.0)


# ---------------------------------------------------------------- memberships


def test_memberships_stand_by_class_and_certainty():
    shares = np.array([[0.6, 0.4], [0.1, 0.9], [1.0, 0.0], [0.0, 1.0]])
    figure = mc.plots.memberships(shares)
    above, below = figure.axes
    assert above.get_title(loc="left").startswith("2 of 4 rows doubtful (50.0%)")
    np.testing.assert_allclose(_tops(above, 4), [1.0, 0.6, 0.0, 0.1])  # rows 2, 0, 3, 1
    np.testing.assert_allclose(_tops(below, 2), [0.6, 0.1])
    assert [t.get_text() for t in above.get_xticklabels()] == ["0 (2)", "1 (2)"]
    np.testing.assert_allclose(above.lines[-1].get_xdata(), [1.5, 3.5])  # marks of the doubtful rows


def _tops(axes, n):
    """Upper end of the first area in the middle of each of n rows."""
    path = axes.collections[0].get_paths()[0]
    levels = np.linspace(0.0005, 0.9995, 1000)
    inside = [path.contains_points(np.column_stack([np.full(1000, x + 0.5), levels])) for x in range(n)]
    return np.round([levels[i].max(initial=0.0) for i in inside], 2)


def test_many_rows_are_averaged():
    p = np.random.default_rng(13).random(50_000)
    figure = mc.plots.memberships(np.column_stack([p, 1 - p]))
    path = figure.axes[0].collections[0].get_paths()[0]
    assert len(path.vertices) < 5 * 1000
    assert figure.axes[0].get_xlim() == (0, 50_000)


def test_sure_rows_need_no_second_panel_and_say_so():
    figure = mc.plots.memberships(np.eye(2)[[0, 1, 1]])
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title(loc="left").startswith("none of 3 rows doubtful")


def test_memberships_over_a_column(m):
    found = mc.classify(m)
    axes = mc.plots.memberships(found, against=SPEEDS).axes[0]
    order = np.argsort(SPEEDS.to_numpy())
    for k in range(2):
        np.testing.assert_allclose(axes.lines[k].get_xdata(), SPEEDS.to_numpy()[order])
        np.testing.assert_allclose(axes.lines[k].get_ydata(), found.probabilities[order, k])
    assert axes.get_xlabel() == "velocity (km/s)"
    assert mc.plots.memberships(found, against=SPEEDS.to_numpy(), name="speed").axes[0].get_xlabel() == "speed"


def test_a_column_that_decides_nothing_gets_means():
    rng = np.random.default_rng(14)
    shares, x = np.eye(2)[rng.integers(0, 2, 400)], rng.normal(size=400)
    line = mc.plots.memberships(shares, against=x).axes[0].lines[0]
    assert len(line.get_xdata()) == 20
    order = np.argsort(x)
    np.testing.assert_allclose(line.get_ydata()[0], shares[order[:20], 0].mean())


def test_memberships_refused():
    with pytest.raises(ModelError, match=r"expected what mc.classify returns, or probabilities of shape \(rows, K\)"):
        mc.plots.memberships([0.2, 0.8])
    with pytest.raises(ModelError, match="sum to 1 in each row"):
        mc.plots.memberships([[0.2, 0.2]])
    with pytest.raises(ModelError, match="against expected 2 numbers, one for each row, got 3"):
        mc.plots.memberships(np.eye(2), against=[1, 2, 3])
    with pytest.raises(ModelError, match="against expected one finite number for each row, got shape"):
        mc.plots.memberships(np.eye(2), against=["a", "b"])
    with pytest.raises(ModelError, match="doubt expected a number between 0 and 1"):
        mc.plots.memberships(np.eye(2), doubt=1)


# ---------------------------------------------------------------- prior and posterior


def test_prior_and_posterior_are_densities_on_one_scale():
    mu = mc.Normal("mu", 0, 1.0)
    y = mc.Normal("y", mu, 1.0, value=[0.4, 0.8], observed=True)
    m = mc.MCMC([y, mu]).sample(4000, 500, chains=2, seed=6)
    axes = panels(mc.plots.prior_posterior(m, draws=4000, seed=3))["mu"]
    filled, outlined = axes.patches
    heights, edges = bars(filled)
    expected, _ = np.histogram(m.draws().variables["mu"], edges, density=True)
    np.testing.assert_allclose(heights, expected)
    heights, edges = bars(outlined)
    middle = edges[:-1] + np.diff(edges) / 2
    error = np.sqrt(stats.norm.pdf(middle) / (4000 * np.diff(edges)))
    assert (np.abs(heights - stats.norm.pdf(middle)) < 4.5 * error + 0.01).all()  # bars are a little wide


def test_a_wide_prior_does_not_hide_the_posterior(m, relabelled):
    figure = mc.plots.prior_posterior(m, "mu")
    after = np.asarray(relabelled["posterior"]["mu"].values)
    for k in range(2):
        axes = panels(figure)[f"mu[{k}]"]
        low, high = axes.get_xlim()
        assert high - low < 2.5 * np.ptp(after[:, :, k])
        share = stats.norm(0, 100).cdf([low, high])
        said = float(axes.get_title().split("prior: ")[1].split(" %")[0]) / 100
        assert said == pytest.approx(share[1] - share[0], abs=4.5 * np.sqrt(np.diff(share)[0] / 2000) + 5e-4)


def test_heavy_tails_functions_and_laws_without_draws():
    @mc.stochastic
    def flat(value=1.0):
        return 0.0

    tau = mc.HalfCauchy("tau", 0.0, 1.0)
    sd = mc.Lambda("sd", lambda tau=tau: tau**-0.5)
    y = mc.Normal("y", flat, tau, value=SPEEDS.to_numpy()[:40], observed=True)
    m = mc.MCMC([y, tau, sd, flat]).sample(400, 200, chains=2, seed=6)
    figure = mc.plots.prior_posterior(m)
    assert list(panels(figure)) == ["tau", "sd"]
    assert "flat (no prior to draw from)" in figure.get_supxlabel()
    alone = panels(mc.plots.prior_posterior(m, ["flat", "tau"]))["flat"]
    assert "no prior to draw from" in alone.get_title()
    with pytest.raises(ModelError, match="no way to draw flat"):
        mc.plots.prior_posterior(m, "flat")


def test_prior_of_an_arviz_object(m):
    found = m.to_arviz(prior=True)
    axes = panels(mc.plots.prior_posterior(found, "w"))["w[0]"]
    heights, edges = bars(axes.patches[1])
    prior = np.asarray(found["prior"]["w"].values)[..., 0]
    inside = prior[(prior >= edges[0]) & (prior <= edges[-1])]
    np.testing.assert_allclose((heights * np.diff(edges)).sum(), inside.size / prior.size)
    with pytest.raises(ModelError, match="expected a prior to compare with, got none"):
        mc.plots.prior_posterior(m.to_arviz())
    with pytest.raises(ModelError, match="draws expected a whole number of at least 1"):
        mc.plots.prior_posterior(m, draws=0)
    with pytest.raises(ModelError, match="no draws of 'nu'"):
        mc.plots.prior_posterior(m, "nu")


# ---------------------------------------------------------------- predictive check


def test_replicates_beside_the_data(m):
    axes = mc.plots.predictive_check(m, draws=8, seed=2).axes[0]
    copies = m.posterior_predictive(8, 2, ["y"])["y"]
    heights, edges = bars(axes.patches[-1])
    np.testing.assert_array_equal(heights, np.histogram(SPEEDS, edges)[0])
    assert heights.sum() == 100
    for line, copy in zip(axes.lines, copies, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), np.histogram(copy, edges)[0])
    assert axes.get_xlabel() == "velocity (km/s)"
    assert axes.get_ylabel() == "rows"


def test_cumulative_shares_of_replicates_and_data(m):
    axes = mc.plots.predictive_check(m, kind="cumulative", draws=4, seed=2).axes[0]
    copies = m.posterior_predictive(4, 2, ["y"])["y"]
    for line, copy in zip(axes.lines, copies, strict=False):
        x = line.get_xdata()
        np.testing.assert_allclose(line.get_ydata(), [(copy <= value).mean() for value in x])
    np.testing.assert_array_equal(axes.lines[-1].get_xdata()[1:-1], np.sort(SPEEDS))


def test_a_statistic_of_replicates_and_the_tail_share(m):
    axes = mc.plots.predictive_check(m, statistic=np.max, draws=200, seed=2).axes[0]
    found = m.posterior_predictive(200, 2, ["y"])["y"].max(axis=1)
    heights, _ = bars(axes.patches[0])
    assert heights.sum() == 200
    assert axes.lines[0].get_xdata()[0] == SPEEDS.max()
    assert axes.get_title(loc="left").startswith(f"{100 * (found >= SPEEDS.max()).mean():.3g} % of replicates")
    assert axes.get_xlabel() == "max of velocity (km/s)"


def test_counts_columns_and_missing_entries():
    counts = Series([0, 0, 1, 1, 1, 3, 2, 5], name="calls")
    rate = mc.Gamma("rate", 1, 1)
    m = mc.MCMC([mc.Poisson("n", rate, value=counts, observed=True), rate]).sample(200, 100, chains=2, seed=3)
    axes = mc.plots.predictive_check(m, draws=6).axes[0]
    heights, edges = bars(axes.patches[-1])
    np.testing.assert_array_equal(edges, np.arange(-0.5, -0.5 + len(edges)))
    assert heights[:6].tolist() == [2, 3, 1, 1, 0, 1]
    frame = PLANE.copy()
    frame.loc[3, "width"] = np.nan
    mu = mc.Normal("mu", 0, 1, size=2)
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=frame, observed=True), mu]).sample(200, 100, chains=2, seed=3)
    figure = mc.plots.predictive_check(m, draws=6)
    assert list(panels(figure)) == ["length", "width (cm)"]
    assert [int(bars(a.patches[-1])[0].sum()) for a in figure.axes] == [40, 39]
    few = mc.plots.predictive_check(m, statistic=lambda y: np.isnan(y).sum(), draws=20)
    assert few.axes[0].lines[0].get_xdata()[0] == 1


def test_replicates_of_an_arviz_object(m):
    found = m.to_arviz(posterior_predictive=True, at_most=40)
    axes = mc.plots.predictive_check(found, draws=40).axes[0]
    _, edges = bars(axes.patches[-1])
    copies = np.asarray(found["posterior_predictive"]["y"].values).reshape(40, 100)
    for line, copy in zip(axes.lines, copies, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), np.histogram(copy, edges)[0])
    with pytest.raises(ModelError, match="expected replicates, got an ArviZ object without"):
        mc.plots.predictive_check(m.to_arviz())


def test_checks_refused(m):
    with pytest.raises(ModelError, match="no observed node 'x' with replicates: expected one of y"):
        mc.plots.predictive_check(m, "x")
    with pytest.raises(ModelError, match="kind expected one of histogram, cumulative"):
        mc.plots.predictive_check(m, kind="bars")
    with pytest.raises(ModelError, match="statistic expected a function"):
        mc.plots.predictive_check(m, statistic="max")
    with pytest.raises(ModelError, match="expected to return one number, got shape"):
        mc.plots.predictive_check(m, statistic=np.sort)
    with pytest.raises(ModelError, match="the statistic failed at data of shape"):
        mc.plots.predictive_check(m, statistic=lambda y: 1 / 0)
    with pytest.raises(ModelError, match="draws expected a whole number of at least 2"):
        mc.plots.predictive_check(m, draws=1)


# ---------------------------------------------------------------- names and units


def test_names_and_units_stay_with_the_data():
    y = mc.Normal("y", 0, 1, value=SPEEDS, observed=True)
    assert (y.columns, y.units) == (("velocity",), ("km/s",))
    y.observe(np.zeros(100))
    assert y.columns == ("velocity",)
    table = mc.Normal("t", 0, 1, value=PLANE, observed=True)
    assert (table.columns, table.units) == (("length", "width"), (None, "cm"))
    assert mc.Normal("w", 0, 1, value=PLANE["width"], observed=True).units == ("cm",)
    unknown = mc.Normal("x", 0, 1, size=100)
    assert unknown.columns is None
    assert unknown.observe(SPEEDS).columns == ("velocity",)


def test_what_only_counts_is_no_name():
    assert names_of(DataFrame(np.zeros((2, 2))))[1:3] == (None, None)
    assert names_of(Series([1.0, 2.0]))[1:3] == (None, None)
    assert names_of([1.0])[1:3] == (None, None)
    levels = DataFrame(np.zeros((2, 2)), columns=[("a", 1), ("a", 2)])
    assert names_of(levels).columns == ("a, 1", "a, 2")


def test_axes_of_the_fit_carry_names_and_units(m):
    assert mc.plots.density(m).axes[0].get_xlabel() == "velocity (km/s)"
    assert mc.plots.cumulative(mc.predictive(m)).axes[0].get_xlabel() == "velocity (km/s)"
    mu, prec = mc.MvNormal("mu", np.zeros(2), np.eye(2)), mc.Wishart("prec", 4, np.eye(2))
    plane = mc.MCMC([mc.MvNormal("y", mu, prec, value=PLANE, observed=True), mu, prec])
    plane.sample(100, 50, chains=1, seed=1)
    for figure in (mc.plots.ellipses(plane, draws=5), mc.plots.density2d(plane, points=8)):
        assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("length", "width (cm)")
    law = mc.predictive(plane, column=1)
    assert mc.plots.cumulative(law).axes[0].get_xlabel() == "width (cm)"


# ---------------------------------------------------------------- readable


def test_no_text_leaves_the_figure_or_meets_another(m, relabelled):
    """Titles, labels and tick labels of neighbouring panels stay apart."""
    found, mu = swapped(k=6)
    long = {"share_of_the_population in each component": mu}
    figures = [mc.plots.components(found), mc.plots.prior_posterior(m), mc.plots.ranks(relabelled, ["mu", "w"])]
    figures += [mc.plots.facets(long), mc.plots.ranks(long)]
    for figure in figures:
        figure.draw_without_rendering()
        whole = figure.bbox
        boxes = [a.title.get_window_extent() for a in figure.axes if a.get_title()]
        boxes += [a.xaxis.label.get_window_extent() for a in figure.axes if a.get_xlabel()]
        for i, box in enumerate(boxes):
            assert box.x0 >= whole.x0 - 1 and box.x1 <= whole.x1 + 1 and box.y1 <= whole.y1 + 1
            assert not any(box.overlaps(other) for other in boxes[:i])

"""Pictures of mixtures: what they hold, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

import mcmix as mc
from mcmix.report.components import NormalComponents
from mcmix.report.plots.style import DATA
from mcmix.structure.rows import Rows

RNG = np.random.default_rng(7)
COVARIANCE = np.array([[2.0, -1.2, 0.3], [-1.2, 1.0, 0.0], [0.3, 0.0, 0.5]])
SPACE = np.concatenate(
    [RNG.multivariate_normal([0, 0, 0], COVARIANCE, 40), RNG.multivariate_normal([8, 5, -4], 0.3 * np.eye(3), 30)]
)


def mixture(data: np.ndarray, components: int = 2) -> Any:
    d = data.shape[1]
    w = mc.Dirichlet("w", np.full(components, 0.5))
    z = mc.Categorical("z", w, size=len(data))
    mu = mc.MvNormal("mu", data.mean(0), 0.05 * np.eye(d), size=components)
    precision = mc.Wishart("precision", d + 2, np.eye(d), size=components)
    return mc.Mixture("y", z, mc.MvNormal, mu, precision, value=data, observed=True)


@pytest.fixture(scope="module")
def vb() -> Any:
    return mc.VB([mixture(SPACE, 4)]).update(seed=1, verbose=False)


@pytest.fixture(scope="module")
def chains() -> Any:
    return mc.MCMC([mixture(SPACE)]).sample(300, 100, chains=2, seed=1, progress_bar=False)


@pytest.fixture(scope="module")
def plane() -> Any:
    return mc.MCMC([mixture(SPACE[:, :2])]).sample(300, 100, chains=2, seed=1, progress_bar=False)


def patches(figure: Figure) -> list[Ellipse]:
    figure.canvas.draw()
    return [p for p in figure.axes[0].patches if isinstance(p, Ellipse)]


def outline(patch: Ellipse) -> np.ndarray:
    """Points on the edge in the data's units."""
    turn = np.radians(np.linspace(0.0, 360.0, 24))
    half = np.array([patch.width / 2 * np.cos(turn), patch.height / 2 * np.sin(turn)])
    angle = np.radians(patch.angle)
    return (np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ half).T + patch.center


def test_ellipses_of_vb_are_the_marginal_contours_at_the_posterior_means(vb: Any):
    drawn = patches(mc.plots.ellipses(vb, scale=3, dims=(2, 0)))
    kept = np.flatnonzero(vb["w"].mean >= 0.5 / len(SPACE))
    assert 2 <= len(drawn) == len(kept) < 4  # the others hold less than half a row
    for patch, k in zip(drawn, kept, strict=True):
        covariance = np.linalg.inv(vb["precision"].mean[k])[np.ix_([2, 0], [2, 0])]
        about = outline(patch) - vb["mu"].mean[k][[2, 0]]
        np.testing.assert_allclose(np.einsum("ni,ij,nj->n", about, np.linalg.inv(covariance), about), 9.0, rtol=1e-8)
        lengths = 6.0 * np.sqrt(np.linalg.eigvalsh(covariance))
        np.testing.assert_allclose(sorted([patch.width, patch.height]), lengths, rtol=1e-9)
    opacity = np.array([p.get_edgecolor()[3] for p in drawn])
    assert (np.argsort(opacity) == np.argsort(vb["w"].mean[kept])).all() and opacity.max() == 1.0


def test_points_take_the_colours_of_their_components(vb: Any):
    figure = mc.plots.ellipses(vb)
    drawn, points = patches(figure), figure.axes[0].collections[0]
    np.testing.assert_array_equal(points.get_offsets(), SPACE[:, :2])
    centres = np.array([p.center for p in drawn])
    for row in (0, 69):  # the two clusters are 9 apart: memberships are zeros and ones
        nearest = np.argmin(((centres - np.where(row, [8, 5], [0, 0])) ** 2).sum(1))
        np.testing.assert_allclose(points.get_facecolors()[row, :3], drawn[nearest].get_edgecolor()[:3], atol=1e-3)
    assert [figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()] == ["y[:, 0]", "y[:, 1]"]
    assert len(figure.axes[0].get_legend().get_texts()) == len(drawn)


def test_ellipses_of_chains_are_those_of_draws(chains: Any):
    figure = mc.plots.ellipses(chains, draws=10, dims=(0, 2), names=("length", "width"), s=40)
    drawn = patches(figure)
    assert len(drawn) == 2 * 10
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("length", "width")
    assert "10 draws" in figure.axes[0].get_title()
    assert set(figure.axes[0].collections[0].get_sizes()) == {40}
    means = chains.trace("mu")[:][:, :, [0, 2]].reshape(-1, 2)
    assert all((np.abs(means - p.center).max(1) < 1e-12).any() for p in drawn)


def test_ellipses_take_the_colours_of_named_components(chains: Any):
    named = mc.classify(chains).probabilities
    colours = [p.get_edgecolor()[:3] for p in patches(mc.plots.ellipses(chains, draws=5, like=named))]
    turned = [p.get_edgecolor()[:3] for p in patches(mc.plots.ellipses(chains, draws=5, like=named[:, ::-1]))]
    assert len(set(colours)) == 2 and {*colours} == {*turned}
    centres = [p.center[0] for p in patches(mc.plots.ellipses(chains, draws=5, like=named))]
    others = [p.center[0] for p in patches(mc.plots.ellipses(chains, draws=5, like=named[:, ::-1]))]
    first = {c > 4.0 for c, colour in zip(centres, colours, strict=True) if colour == colours[0]}
    second = {c > 4.0 for c, colour in zip(others, turned, strict=True) if colour == colours[0]}
    assert len(first) == len(second) == 1 and first != second


def test_colours_do_not_depend_on_how_draws_name_their_components(chains: Any):
    plain = patches(mc.plots.ellipses(chains, draws=20))
    draws = chains.draws()
    own = dict(draws.variables)
    for name in ("w", "mu", "precision"):
        draws.variables[name] = np.stack([own[name][0], own[name][1][:, ::-1], *own[name][2:]])
    try:
        swapped = patches(mc.plots.ellipses(chains, draws=20))
    finally:
        draws.variables.update(own)
    by_colour = [{(tuple(np.round(p.center, 9)), p.get_edgecolor()[:3]) for p in found} for found in (plain, swapped)]
    assert by_colour[0] == by_colour[1] or len({c for _, c in by_colour[0]}) == 2
    for found in by_colour:  # clusters are 9 apart: each has one colour
        assert len({(x[0] > 4.0, colour) for x, colour in found}) == 2


def test_tables_of_columns_have_ellipses_along_the_axes():
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(SPACE))
    mu, tau = mc.Normal("mu", 2.0, 0.05, size=(2, 2)), mc.Gamma("tau", 2.0, 1.0, size=(2, 2))
    q = mc.VB([mc.Mixture("y", z, mc.Normal, mu, tau, value=SPACE[:, :2], observed=True)]).update(seed=1, verbose=False)
    for patch, mean, precision in zip(patches(mc.plots.ellipses(q)), q["mu"].mean, q["tau"].mean, strict=True):
        np.testing.assert_allclose(patch.center, mean)
        np.testing.assert_allclose(np.ptp(outline(patch), axis=0), 4.0 / np.sqrt(precision), rtol=0.02)
        assert patch.angle % 90.0 == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("law", ["MvNormalCov", "MvNormalChol"])
def test_covariances_come_as_the_law_has_them(law: str):
    factor = np.linalg.cholesky(COVARIANCE)
    known = COVARIANCE if law == "MvNormalCov" else factor
    mu = mc.MvNormal("mu", np.zeros(3), np.eye(3), size=2)
    y = mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), getattr(mc, law), mu, known, value=SPACE, observed=True)
    model = mc.Model([y])
    components = NormalComponents(model, Rows.of(model), y)
    assert [n.name for n in components.needed] == ["mu", "w"]
    found = components.at({mu: np.zeros((2, 3)), model.get_node("w"): np.array([0.25, 0.75])})
    np.testing.assert_allclose(found.covariances, [COVARIANCE] * 2, atol=1e-12)
    np.testing.assert_allclose(found.weights, [0.25, 0.75])
    np.testing.assert_allclose(found.shares(SPACE), np.tile([0.25, 0.75], (len(SPACE), 1)))


def test_one_component_and_rows_with_gaps():
    data = SPACE[:40, :2].copy()
    data[3, 0] = np.nan
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=2), mc.Gamma("tau", 1.0, 1.0, size=2)
    y = mc.Normal("y", mu, tau, value=np.ma.masked_invalid(data), observed=True)
    m = mc.MCMC([y]).sample(200, 100, chains=2, seed=1, progress_bar=False)
    figure = mc.plots.ellipses(m, draws=6)
    assert len(patches(figure)) == 6
    colours = figure.axes[0].collections[0].get_facecolors()[:, :3]
    assert np.allclose(colours[3], to_rgb(DATA)) and not np.allclose(colours[4], to_rgb(DATA))


def test_the_example_of_the_issue_runs():
    rng = np.random.default_rng(1)
    spreads = (np.diag([2.0, 0.1]), np.diag([0.1, 2.0]), np.array([[2.0, -1.5], [-1.5, 2.0]]), 0.5 * np.eye(2))
    centres = ([0, 0], [0, 0], [2, 2], [-2, -2])
    data = np.concatenate([rng.multivariate_normal(c, s, 50) for c, s in zip(centres, spreads, strict=True)])
    y = mixture(data, 10)
    q = mc.VB([y])
    q.update(repeat=1000, seed=1, verbose=False)
    assert len(patches(mc.plots.ellipses(q, scale=2))) >= 3
    m = mc.MCMC([y])
    m.sample(400, 200, seed=1, progress_bar=False)
    figure = mc.plots.ellipses(m)
    assert len(patches(figure)) >= 3 * 40
    low, high = data.min(0), data.max(0)  # empty components, drawn from a wide prior, do not set the scale
    assert np.ptp(figure.axes[0].get_xlim()) < 2.0 * (high - low)[0]


# -------------------------------------------------------------------- densities


def test_density2d_shows_the_predictive_density_and_its_regions(plane: Any):
    axes = Figure().subplots()
    figure = mc.plots.density2d(plane, points=40, ax=axes)
    figure.canvas.draw()
    mesh = next(c for c in axes.collections if type(c).__name__ == "QuadMesh")
    corners = mesh.get_coordinates().reshape(-1, 2)
    np.testing.assert_allclose(np.ravel(mesh.get_array()), np.exp(plane.predict_logpdf(corners)))
    lines = next(c for c in axes.collections if hasattr(c, "levels"))
    heights = np.ravel(mesh.get_array())
    shares = [heights[heights >= level].sum() / heights.sum() for level in lines.levels]
    np.testing.assert_allclose(shares, [0.95, 0.8, 0.5], atol=0.02)  # to within one cell of the grid
    assert axes.get_xlabel() == "y[:, 0]" and figure.axes[1].get_ylabel() == "posterior predictive density"


def test_density2d_of_more_columns_is_the_marginal_or_refused(chains: Any, vb: Any):
    axes = mc.plots.density2d(chains, dims=(2, 1), points=12).axes[0]
    mesh = next(c for c in axes.collections if type(c).__name__ == "QuadMesh")
    corners = mesh.get_coordinates().reshape(-1, 2)
    rows = np.column_stack([np.full(len(corners), np.nan), corners[:, 1], corners[:, 0]])
    np.testing.assert_allclose(np.ravel(mesh.get_array()), np.exp(chains.predict_logpdf(rows)))
    with pytest.raises(mc.ModelError, match="density2d: y has 3 columns, and VB has no marginal density"):
        mc.plots.density2d(vb)


# -------------------------------------------------------------------- bounds and squares


def test_bound_shows_every_iteration_and_every_start(vb: Any):
    figure = mc.plots.bound(vb, color="black")
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), vb.bound)
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(1, vb.iterations + 1))
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 1], vb.restart_bounds)
    low, high = axes.get_ylim()
    assert low < vb.restart_bounds.min() and high > vb.bound.max()
    assert axes.lines[0].get_color() == "black" and axes.get_ylabel() == "lower bound (nats)"
    with pytest.raises(mc.ModelError, match=r"call update\(\) first"):
        mc.plots.bound(mc.VB([mixture(SPACE)]))


def squares(figure: Figure) -> list[Rectangle]:
    return [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]


def test_hinton_squares_have_the_values_as_areas():
    values = np.array([[1.0, -0.25, 0.0], [0.5, 0.04, 0.01]])
    drawn = squares(mc.plots.hinton(values, rows=["a", "b"], columns=["x", "y", "z"]))
    areas = {(round(p.get_y() + p.get_height() / 2), round(p.get_x() + p.get_width() / 2)): p for p in drawn}
    assert set(areas) == {(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)}
    for (i, j), patch in areas.items():
        assert patch.get_width() * patch.get_height() == pytest.approx(0.94**2 * abs(values[i, j]))
        assert (patch.get_facecolor()[3] == 0.0) == (values[i, j] < 0.0)
    assert len(squares(mc.plots.hinton([0.2, 0.8]))) == 2


def test_hinton_of_a_result_shows_memberships(vb: Any, plane: Any):
    for result, components in ((vb, 4), (plane, 2)):
        figure = mc.plots.hinton(result)
        axes = figure.axes[0]
        assert axes.get_ylabel() == "component" and axes.get_ylim()[0] == components - 0.4
        total = sum(p.get_width() ** 2 for p in squares(figure)) / 0.94**2
        assert total == pytest.approx(60.0, rel=0.01)  # sixty units, each with shares that sum to one


# -------------------------------------------------------------------- refusals


def test_what_cannot_be_drawn_is_refused(chains: Any, vb: Any):
    cases: list[tuple[Any, str]] = [
        (lambda: mc.plots.ellipses(vb, scale=0), "scale expected a positive number, got 0"),
        (lambda: mc.plots.ellipses(vb, dims=(0, 3)), r"dims expected two different columns of 0 to 2, got \(0, 3\)"),
        (lambda: mc.plots.ellipses(vb, dims=(1, 1)), "dims expected two different columns"),
        (lambda: mc.plots.ellipses(vb, node="x"), "expected one of the data nodes y, got 'x'"),
        (lambda: mc.plots.ellipses(chains, draws=0), "draws expected a whole number of at least 1"),
        (lambda: mc.plots.ellipses(vb, names="xy"), "names expected two"),
        (lambda: mc.plots.density2d(chains, points=1), "points expected a whole number of at least 2"),
        (lambda: mc.plots.hinton([[np.nan]]), "with NaN"),
        (lambda: mc.plots.hinton("w"), "expected numbers or a result, got str"),
        (lambda: mc.plots.hinton(np.zeros((2, 2, 2))), r"got shape \(2, 2, 2\)"),
        (lambda: mc.plots.hinton([1.0, 2.0], columns=["a"]), "columns expected 2 names, got 1"),
    ]
    for draw, message in cases:
        with pytest.raises(mc.ModelError, match=message):
            draw()


def test_laws_without_ellipses_are_refused():
    mu = mc.Normal("mu", 0.0, 1.0)
    line = mc.MCMC([mc.Normal("y", mu, 1.0, value=[0.1, 0.2], observed=True)]).sample(20, chains=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match=r"y expected rows of at least two columns, got shape \(2,\)"):
        mc.plots.ellipses(line)
    rate = mc.Gamma("rate", 1.0, 1.0)
    counts = mc.MCMC([mc.Poisson("n", rate, value=[[1, 2], [3, 4]], observed=True)])
    counts.sample(20, chains=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="n: components expected normal .*got Poisson"):
        mc.plots.ellipses(counts)
    with pytest.raises(mc.ModelError, match=r"n expected continuous columns, got counts \(Poisson\)"):
        mc.plots.density2d(counts)
    by_row = mc.Normal("y", mu, np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), value=np.ones((3, 2)), observed=True)
    differing = mc.MCMC([by_row]).sample(20, chains=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="y: components expected parameters of the label alone"):
        mc.plots.ellipses(differing)

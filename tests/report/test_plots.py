"""Figures: what is in them, where they go, and that nothing stays open."""

import sys
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from mcmix.errors import ModelError
from mcmix.report import plots
from mcmix.report.plots.histograms import numbers
from mcmix.report.plots.style import PALETTE
from mcmix.traces.memory import Draws


class Model:
    """What the figures ask of a sampler, with answers that are known."""

    def __init__(self, data=None, discrete=False, variables=None):
        rng = np.random.default_rng(41)
        self.data = {"y": rng.normal(10, 2, size=300)} if data is None else data
        self.discrete = discrete
        self.variables = variables or {
            "mu": rng.normal([150.0, 200.0], [0.5, 2.0], size=(3, 400, 2)),
            "p": rng.beta(70, 30, size=(3, 400)),
            "z": rng.integers(0, 2, size=(3, 400, 50)).astype(np.uint8),
        }

    def draws(self):
        return Draws(self.variables)

    def observed_data(self):
        return self.data

    def is_discrete(self, name):
        return self.discrete

    def component_densities(self, name, grid, n_draws=200):
        shift = np.linspace(-0.5, 0.5, n_draws)[:, np.newaxis]
        if self.discrete:
            return np.stack([w * stats.poisson.pmf(grid, m + shift) for w, m in ((0.7, 3), (0.3, 12))], axis=1)
        return np.stack([w * stats.norm.pdf(grid, 10 + shift, 2) for w in (0.7, 0.3)], axis=1)

    def predictive_density(self, name, grid, n_draws=200):
        return self.component_densities(name, grid, n_draws).sum(axis=1)


COUNTS = {"k": np.random.default_rng(42).poisson(5, size=400)}
ALL = [
    lambda **style: plots.trace(Model(), **style),
    lambda **style: plots.facets(Model(), **style),
    lambda **style: plots.density(Model(), **style),
    lambda **style: plots.density(Model(COUNTS, discrete=True), **style),
]


@pytest.mark.parametrize("plot", ALL)
def test_each_returns_a_figure_that_a_notebook_can_show(plot):
    figure = plot()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("plot", ALL)
def test_nothing_stays_open_and_settings_stay_as_found(plot):
    before = dict(matplotlib.rcParams)
    plot()
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize("plot", ALL)
def test_axes_are_labelled(plot):
    labelled = [axes.get_xlabel() or axes.get_ylabel() for axes in plot().axes if axes.axison]
    assert sum(map(bool, labelled)) >= len(labelled) / 2


def test_trace_has_a_row_per_element_and_a_line_per_chain():
    figure = plots.trace(Model(), ["mu", "p"])
    left, right = figure.axes[::2], figure.axes[1::2]
    assert [axes.get_ylabel() for axes in left] == ["mu[0]", "mu[1]", "p"]
    assert [len(axes.get_lines()) for axes in left] == [3, 3, 3]
    assert [len(axes.patches) for axes in right] == [3, 3, 3]
    np.testing.assert_array_equal(left[2].get_lines()[1].get_ydata(), Model().variables["p"][1])


def test_long_chains_are_thinned_on_the_screen_only():
    draws = np.random.default_rng(43).normal(size=(2, 5500))
    axes = plots.trace(Model(variables={"a": draws})).axes[0]
    shown = axes.get_lines()[0]
    assert len(shown.get_xdata()) <= 1000
    np.testing.assert_array_equal(shown.get_ydata(), draws[0][shown.get_xdata().astype(int)])


@pytest.mark.parametrize("plot", [plots.trace, plots.facets])
def test_large_variables_are_left_out_and_said(plot):
    figure = plot(Model())
    assert "z (50 elements)" in figure.get_supxlabel()
    assert not any("z[" in axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes)


@pytest.mark.parametrize("plot", [plots.trace, plots.facets])
def test_elements_may_be_named(plot):
    figure = plot(Model(), "z[3]")
    assert any("z[3]" in axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes)


@pytest.mark.parametrize("plot", [plots.trace, plots.facets])
def test_what_cannot_be_drawn_is_refused(plot):
    with pytest.raises(ModelError, match="no draws of 'm'"):
        plot(Model(), ["m"])
    with pytest.raises(ModelError, match="expected 1 to 60 elements to draw, got 100"):
        plot(Model(), ["z", "z"])
    with pytest.raises(ModelError, match="got 0"):
        plot(Model(), [])


@pytest.mark.parametrize("plot", [plots.trace, plots.facets])
def test_odd_draws_are_drawn(plot):
    odd = {
        "constant": np.ones((2, 5)),
        "nothing": np.full((2, 5), np.nan),
        "infinite": np.array([[-np.inf, 1, 2, 3, 4]] * 2),
        "truth": np.array([[True, False, True, True, False]] * 2),
        "whole": np.array([[0, 1, 2, 100, 3]] * 2),
        "one": np.ones((2, 5, 1)),
        "cube": np.random.default_rng(44).normal(size=(2, 5, 2, 2, 2)),
    }
    plot(Model(variables=odd)).savefig(BytesIO())
    plot(Model(variables={"single": np.array([[1.5]])})).savefig(BytesIO())


def test_facets_mark_mean_and_interval():
    figure = plots.facets(Model(), "p", alpha=0.1)
    mean, interval = figure.axes[0].get_lines()
    p = Model().variables["p"]
    assert mean.get_xdata()[0] == pytest.approx(p.mean())
    low, high = interval.get_xdata()
    assert np.mean((p >= low) & (p <= high)) == pytest.approx(0.9, abs=0.005)


def test_facets_share_a_scale_only_while_it_reads_well():
    rng = np.random.default_rng(45)
    apart = plots.facets(Model(), "mu")
    near = plots.facets(Model(variables={"w": rng.dirichlet([20, 22, 21], size=(2, 300))}))
    assert apart.axes[0].get_xlim() != apart.axes[1].get_xlim()
    assert near.axes[0].get_xlim() == near.axes[1].get_xlim() == near.axes[2].get_xlim()


def test_facets_wrap_in_even_rows():
    figure = plots.facets(Model(variables={"w": np.random.default_rng(46).normal(size=(2, 50, 8))}))
    rows = {round(axes.get_subplotspec().get_topmost_subplotspec().rowspan.start) for axes in figure.axes}
    assert rows == {0, 1}
    assert sum(axes.axison for axes in figure.axes) == 8


def test_a_component_keeps_its_colour():
    both = plots.facets(Model(), "mu").axes[1].patches[0].get_facecolor()
    alone = plots.facets(Model(), "mu[1]").axes[0].patches[0].get_facecolor()
    assert both == alone


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((149.9512, 149.213, 150.762), "149.95 [149.21, 150.76]"),
        ((201.3, 197.5, 205.0), "201.3 [197.5, 205.0]"),
        ((-0.001, -1.9, 1.9), "0.0 [-1.9, 1.9]"),
        ((3e7, -1.8e9, 1.94e9), "3e+07 [-1.8e+09, 1.94e+09]"),
        ((1.0, 1.0, 1.0), "1 [1, 1]"),
        ((np.nan, np.nan, np.nan), "nan [nan, nan]"),
    ],
)
def test_numbers_are_as_long_as_they_are_known(values, text):
    assert numbers(*values) == text


def test_density_has_data_mean_and_band():
    figure = plots.density(Model())
    axes = figure.axes[0]
    assert sum(bar.get_width() * bar.get_height() for bar in axes.patches) == pytest.approx(1)
    grid, mean = axes.get_lines()[0].get_data()
    assert mean == pytest.approx(Model().predictive_density("y", grid).mean(axis=0))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("y", "density")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["data (n = 300)", "95 % band", "posterior mean"]


def test_the_band_holds_its_probability():
    axes = plots.density(Model(), probability=0.8, grid=np.array([9.0, 10.0, 11.0])).axes[0]
    curves = Model().predictive_density("y", np.array([9.0, 10.0, 11.0]))
    low, high = np.quantile(curves, [0.1, 0.9], axis=0)
    drawn = axes.collections[0].get_paths()[0].vertices
    assert {*np.round(low, 9), *np.round(high, 9)} <= set(np.round(drawn[:, 1], 9))


def test_discrete_data_get_a_bar_at_each_whole_number():
    axes = plots.density(Model(COUNTS, discrete=True)).axes[0]
    values, counts = np.unique(COUNTS["k"], return_counts=True)
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches}
    assert [heights[value] for value in values] == pytest.approx(counts / counts.sum())
    np.testing.assert_array_equal(axes.get_lines()[0].get_xdata(), np.arange(values[0], values[-1] + 1))
    assert axes.get_ylabel() == "probability"


def test_widely_spread_counts_share_their_bars():
    counts = np.random.default_rng(47).integers(0, 100_000, size=500)
    axes = plots.density(Model({"k": counts}, discrete=True)).axes[0]
    assert len(axes.patches) <= 61
    grid = axes.get_lines()[0].get_xdata()
    assert len(grid) <= 402
    assert np.all(grid == np.round(grid))


def test_components_are_dashed_and_add_up():
    axes = plots.density(Model(), components=True).axes[0]
    total, *parts = axes.get_lines()
    assert [part.get_linestyle() for part in parts] == ["--", "--"]
    assert sum(part.get_ydata() for part in parts) == pytest.approx(total.get_ydata())


@pytest.mark.parametrize("data", [np.full(5, 3.0), np.array([1.0]), np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1e9])])
def test_odd_data_are_drawn(data):
    plots.density(Model({"y": data})).savefig(BytesIO())
    plots.density(Model({"y": data.astype(int)}, discrete=True)).savefig(BytesIO())


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        ({}, None, "expected one of nothing"),
        ({"a": np.ones(3), "b": np.ones(3)}, None, "expected one of a, b"),
        ({"a": np.ones(3)}, "b", "no observed node 'b': expected one of a"),
        ({"a": np.ones((3, 2))}, "a", r"a: expected data of shape \(rows,\)"),
    ],
)
def test_density_says_what_it_needs(data, name, message):
    with pytest.raises(ModelError, match=message):
        plots.density(Model(data), name)


def test_figures_can_be_restyled():
    assert plots.trace(Model(), "p", linewidth=3).axes[0].get_lines()[0].get_linewidth() == 3
    assert plots.facets(Model(), "p", alpha=0.5, color="black").axes[0].patches[0].get_facecolor()[:3] == (0, 0, 0)
    assert plots.density(Model(), color="red").axes[0].get_lines()[0].get_color() == "red"


def test_figures_can_be_drawn_into_a_larger_one():
    whole = Figure(figsize=(9, 9), layout="constrained")
    top, middle, bottom = whole.subfigures(3, 1)
    axes = bottom.subplots()
    assert plots.trace(Model(), "p", figure=top) is whole
    assert plots.facets(Model(), "mu", figure=middle) is whole
    assert plots.density(Model(), axes=axes) is whole
    assert len(top.axes) == 2
    whole.savefig(BytesIO())


def test_colours_are_eight_different_ones():
    assert len(set(PALETTE)) == 8

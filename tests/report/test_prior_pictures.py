"""Pictures of the prior of the number of occupied clusters, drawn."""

import numpy as np
import pytest
import scipy.stats as st

import mcmix as mc
from mcmix.errors import ModelError

SPARSE = mc.prior_components(200, components=10, concentration=0.05)
PROCESS = mc.prior_components(200, concentration=1.0)


def test_bars_of_one():
    figure = mc.plots.prior_components(SPARSE)
    ax = figure.axes[0]
    heights = {round(p.get_x() + p.get_width() / 2): p.get_height() for p in ax.patches}
    assert list(heights) == list(range(1, len(heights) + 1))
    np.testing.assert_array_equal(list(heights.values()), SPARSE.probabilities[: len(heights)])
    assert sum(heights.values()) > 0.995
    assert ax.get_xlabel() == "occupied clusters among 200 units" and ax.get_ylabel() == "prior probability"
    assert ax.get_title(loc="left") == "10 components with concentration 0.05"
    assert [t.get_text() for t in ax.texts][2] == f"{SPARSE.probabilities[2]:.2f}"


def test_bars_begin_where_the_prior_does():
    many = mc.prior_components(2000, concentration=30.0)
    ax = mc.plots.prior_components(many, color="gray").axes[0]
    first = round(min(p.get_x() + p.get_width() / 2 for p in ax.patches))
    assert first > 80 and not ax.texts
    assert many.probabilities[: first - 1].sum() < 0.0025


def test_lines_of_several_can_be_told_apart():
    ax = mc.plots.prior_components({"sparse": SPARSE, "process": PROCESS}).axes[0]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["sparse", "process"]
    assert len({line.get_color() for line in ax.lines}) == len({line.get_marker() for line in ax.lines}) == 2
    x, y = ax.lines[1].get_data()
    np.testing.assert_array_equal(y, PROCESS.probabilities[np.asarray(x) - 1])
    assert sum(y) > 0.995


def test_priors_without_names_tell_their_own():
    others = [mc.prior_components(n, concentration=1.0, most=12) for n in (100, 10_000)]
    ax = mc.plots.prior_components(others).axes[0]
    first, second = (t.get_text() for t in ax.get_legend().get_texts())
    assert first == "Dirichlet process with concentration 1, 100 units"
    assert second == f"Dirichlet process with concentration 1, 10000 units (more than 12: {others[1].beyond:.2f})"
    assert ax.get_xlabel() == "occupied clusters"


def test_what_lies_beyond_is_said():
    few = mc.prior_components(10_000, concentration=50.0, most=5)  # nearly all of it
    ax = mc.plots.prior_components(few).axes[0]
    assert "(more than 5: 1.00)" in ax.get_title(loc="left")


def test_placed_and_restyled():
    ax = mc.plots.occupied([0.0, 0.5, 0.5]).axes[0]
    assert mc.plots.prior_components([SPARSE, PROCESS], ax=ax, linewidth=3.0) is ax.get_figure()
    assert ax.lines[0].get_linewidth() == 3.0


def test_seven_are_drawn():
    """The longest words stay within the picture."""
    priors = [
        mc.prior_components(50, components=st.geom(0.1 * k), concentration=st.f(6, 3), dynamic=True, most=9)
        for k in range(3, 10)
    ]
    figure = mc.plots.prior_components(priors)
    figure.canvas.draw()
    legend = figure.axes[0].get_legend().get_window_extent()
    assert 0.0 <= legend.x0 and legend.x1 <= figure.bbox.x1


def test_bad_input():
    with pytest.raises(ModelError, match="1 to 7 results of mc.prior_components, got ndarray"):
        mc.plots.prior_components(PROCESS.probabilities)
    with pytest.raises(ModelError, match="results of mc.prior_components, got str"):
        mc.plots.prior_components("sparse")
    with pytest.raises(ModelError, match="got 8 of them"):
        mc.plots.prior_components([SPARSE] * 8)
    with pytest.raises(ModelError, match="got 0 of them"):
        mc.plots.prior_components([])

"""Figures of partitions and of model choice, drawn."""

import numpy as np
import pytest
from pandas import DataFrame

import mcmix as mc
from mcmix.errors import ModelError

LABELS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [2, 2, 0, 0, 0]])


def test_similarity_stands_in_the_order_of_the_partition():
    shuffle = np.array([3, 0, 4, 1, 2])
    matrix, parts = mc.similarity(LABELS[:, shuffle]), mc.partition(LABELS[:, shuffle])
    figure = mc.plots.similarity(matrix, parts, names=[f"row {i}" for i in shuffle])
    ax = figure.axes[0]
    shown = np.asarray(ax.images[0].get_array())
    assert (shown[:3, :3] == 1.0).all()
    assert [t.get_text() for t in ax.get_yticklabels()][3:] != []
    assert len(ax.lines) == parts.n_clusters
    assert ax.get_xlabel() == "rows, by cluster"
    assert figure.axes[1].get_ylabel() == "share of draws in one component"


def test_similarity_restyled_and_placed():
    figure = mc.plots.hinton([[1.0]])
    ax = figure.axes[0]
    assert mc.plots.similarity(mc.similarity(LABELS), ax=ax, cmap="gray") is figure
    assert ax.images[0].get_cmap().name == "gray"


def test_occupied_bars():
    ax = mc.plots.occupied(mc.occupied(LABELS)).axes[0]
    heights = {round(p.get_x() + p.get_width() / 2): p.get_height() for p in ax.patches}
    assert heights[2] == 1.0
    assert ax.get_ylabel() == "posterior probability"


def test_comparison_marks_the_best():
    table = DataFrame(
        {
            "log_evidence": [-10.0, -5.0], "evidence_error": [0.1, np.inf],
            "loo": [-9.0, -8.0], "loo_difference_error": [0.5, 0.0], "bic": [20.0, 15.0], "icl": [20.0, 21.0],
        },
        index=["1", "2"],
    )  # fmt: skip
    axes = mc.plots.comparison(table).axes
    # unsure evidence has an open mark and is not the best
    assert [ax.lines[-1].get_xdata()[0] for ax in axes] == [0, 1, 1, 0]
    open_marks = [line for line in axes[0].lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata().tolist() for line in open_marks] == [[1]]
    assert [t.get_text() for t in axes[0].get_xticklabels()] == ["1", "2"]


def test_bad_input():
    with pytest.raises(ModelError, match="square matrix, got Normal; mc.similarity"):
        mc.plots.similarity(mc.Normal("a", 0, 1))
    with pytest.raises(ModelError, match="square matrix, got shape"):
        mc.plots.similarity(np.zeros((2, 3)))
    with pytest.raises(ModelError, match="partition of 5 rows"):
        mc.plots.similarity(np.eye(5), [0, 1])
    with pytest.raises(ModelError, match="expected probabilities"):
        mc.plots.occupied([0.2, 0.2])
    with pytest.raises(ModelError, match="expected what mc.compare returns"):
        mc.plots.comparison(3)

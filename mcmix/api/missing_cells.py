"""Missing cells of the data on a page: how many by column and by row, and what the model expects in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.frames import table_frame
from mcmix.report.plots.sources import title_of

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_ROWS = 20  # that the table by row has


@dataclass(frozen=True)
class MissingCells:
    """Cells that were missing, summarised.

    Attributes
    ----------
    said : str
        How many of how many, in how many rows.
    by_column : DataFrame
        Missing cells, their share, and mean and standard deviation of what the model expects in them.
    by_row : DataFrame
        The rows with the most missing cells: how many, and which columns.
    """

    said: str
    by_column: DataFrame
    by_row: DataFrame


def missing_cells(m: PosteriorDraws) -> list[MissingCells]:
    """One summary for each data node with missing entries, labels apart."""
    labels = set(m.assembled.labels)
    nodes = [n for n in m.model.data_nodes if n not in labels and 1 <= len(n.shape) <= 2]
    return [
        _of_node(m, node, absent) for node in nodes if (absent := m.rows[node].missing) is not None and absent.any()
    ]


def _of_node(m: PosteriorDraws, node: Stochastic, absent: Any) -> MissingCells:
    mask = np.asarray(absent, dtype=bool).reshape(node.shape[0], -1)
    columns = range(mask.shape[1])
    titles = [title_of(node, node.name, j if len(node.shape) > 1 else None) for j in columns]
    names = np.arange(len(mask)) if node.index is None else np.asarray(node.index)
    n, rows = int(mask.sum()), int(mask.any(axis=1).sum())
    whose = f"{node.name}: " if len(m.model.data_nodes) > 1 else ""
    said = (
        f"{whose}{n} of {mask.size} cells are missing, in {rows} of {len(mask)} rows; they are unknowns of the "
        "model, taken as missing at random."
    )
    return MissingCells(said, _by_column(m, node, mask, titles), _by_row(mask, titles, names))


def _by_column(m: PosteriorDraws, node: Stochastic, mask: np.ndarray, titles: list[str]) -> DataFrame:
    where = np.nonzero(mask)[1]
    some = [j for j in range(mask.shape[1]) if mask[:, j].any()]
    columns: dict[str, Any] = {
        "missing cells": mask[:, some].sum(axis=0),
        "share": [f"{100 * x:.1f} %" for x in mask[:, some].mean(axis=0)],
    }
    if _was_kept(m, node):
        means, deviations = (np.ravel(x) for x in m.moments(node))
        columns["mean expected there"] = np.array([means[where == j].mean() for j in some])
        columns["its sd, on average"] = np.array([deviations[where == j].mean() for j in some])
    return table_frame(columns, [titles[j] for j in some])


def _was_kept(m: PosteriorDraws, node: Stochastic) -> bool:
    draws = m.draws()
    return not node.is_circular and (node.name in draws.moments or node.name in draws.variables)


def _by_row(mask: np.ndarray, titles: list[str], names: np.ndarray) -> DataFrame:
    counts = mask.sum(axis=1)
    order = np.argsort(-counts, kind="stable")[: min(MOST_ROWS, int((counts > 0).sum()))]
    listed = [", ".join(titles[j] for j in np.flatnonzero(mask[i])[:8]) for i in order]
    return table_frame({"missing cells": counts[order], "columns": np.array(listed)}, [str(names[i]) for i in order])


__all__ = ["MissingCells", "missing_cells"]

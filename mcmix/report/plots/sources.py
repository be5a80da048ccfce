"""What figures are drawn from: draws wherever they are kept, and what data are called on an axis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.labels.roles import LABELS, NAMES, LabelRoles, from_text
from mcmix.traces.memory import Draws


def draws_in(m: Any) -> Draws:
    """Draws of a sampler, an ArviZ object, its file, arrays by name, or Draws themselves.

    Raises
    ------
    ModelError
        If there are none.
    """
    if isinstance(m, Draws):
        return m
    if callable(getattr(m, "draws", None)):
        return m.draws()
    variables, statistics = arviz_bridge.draws_of(container_in(m))
    numbers = {name: x for name, x in variables.items() if x.dtype.kind in "fiub"}
    if not numbers:
        raise ModelError("expected draws of numbers with the axes chain and draw, got none in the posterior")
    container = container_in(m)
    return Draws(
        numbers, statistics, angles=arviz_bridge.angles_in(container), labels=arviz_bridge.labels_in(container)
    )


def container_in(m: Any) -> Any:
    """The ArviZ object that holds draws without a model."""
    return arviz_bridge.from_netcdf(m) if isinstance(m, (str, Path)) else arviz_bridge.container_of(m)


def is_sampler(m: Any) -> bool:
    """Whether it can name its components itself."""
    return callable(getattr(m, "relabel", None)) and callable(getattr(m, "draws", None))


def named(m: Any, method: str, *, needed: bool) -> Any:
    """Draws with one name for each component, as an ArviZ object; a sampler relabels its own.

    Where nothing can be named, draws come as they are, unless relabelling is `needed`.
    """
    if not is_sampler(m):
        return container_in(m)
    if needed:
        return m.relabel(method=method)
    found = m.to_arviz()
    some = any(r.permutable and not r.number for r in roles_in(found).values())
    return m.relabel(method=method) if some else found


def own_names(m: Any, found: Any) -> dict[str, str]:
    """The model's names by those in the container that its sampler made; containers from elsewhere keep theirs."""
    if not is_sampler(m):
        return {}
    return dict(json.loads(str(arviz_bridge.attributes_of(found).get(NAMES, "{}"))))


def roles_in(found: Any) -> dict[str, LabelRoles]:
    """What an ArviZ object made by mcmix says of its label vectors."""
    return from_text(str(arviz_bridge.attributes_of(found).get(LABELS, "[]")))


def data_title(m: Any, name: str, column: int | None = None) -> str:
    """What data of a model are called on an axis; see :func:`title_of`."""
    nodes = getattr(getattr(m, "model", None), "data_nodes", ())
    return title_of(next((n for n in nodes if n.name == name), None), name, column)


def title_of(node: Any, name: str, column: int | None = None) -> str:
    """The column's name and unit where pandas gave them, else the node's name (and the number of the column).

    Examples
    --------
    >>> import mcmix as mc
    >>> from pandas import Series
    >>> speeds = Series([1.2, 0.7], name="velocity")
    >>> speeds.attrs["units"] = "km/s"
    >>> title_of(mc.Normal("y", 0, 1, value=speeds, observed=True), "y"), title_of(None, "y", 2)
    ('velocity (km/s)', 'y[:, 2]')
    """
    return titled(getattr(node, "columns", None), getattr(node, "units", None), name, column)


def titled(columns: Any, units: Any, name: str, column: int | None) -> str:
    """As :func:`title_of`, from what is known of the columns; `name` stands where they have none."""
    own = 0 if column is None else column
    text = name if column is None else f"{name}[:, {column}]"
    if columns is not None and (column is not None or len(columns) == 1):
        text = columns[own]
    unit = None if units is None or (column is None and len(units) > 1) else units[own % len(units)]
    return text if unit is None else f"{text} ({unit})"


def small_axes() -> Any:
    """Axes of a figure that can be read on a telephone too."""
    from mcmix.report.plots.figures import notebook_figure
    from mcmix.report.plots.style import SMALL

    return notebook_figure(*SMALL).subplots()


def numbers_from(name: str, values: Any) -> np.ndarray:
    """One finite number for each row.

    Raises
    ------
    ModelError
        If it is something else.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.zeros((0, 0))
    if array.ndim != 1 or not np.isfinite(array).all():
        came = f"shape {np.shape(values)}" + ("" if array.ndim != 1 else " with NaN or infinity")
        raise ModelError(f"{name} expected one finite number for each row, got {came}")
    return array


__all__ = [
    "container_in",
    "data_title",
    "draws_in",
    "is_sampler",
    "named",
    "numbers_from",
    "own_names",
    "roles_in",
    "small_axes",
    "title_of",
]

"""Folders of draws as ArviZ's containers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcmix.errors import ModelError
from mcmix.report.arviz_bridge import container
from mcmix.traces.memory import accepted_share


def from_zarr(path: str | Path) -> Any:
    """A container of the installed generation from a folder of draws; arrays are read when they are asked for.

    Raises
    ------
    ModelError
        If it cannot be read, or holds no posterior.
    """
    from xarray import open_datatree

    try:
        tree = open_datatree(str(path), engine="zarr")
    except Exception as error:  # whatever the reader raises at what is no such folder
        raise ModelError(f"expected a folder of draws, got {str(path)!r}, which cannot be read: {error}") from error
    groups = {str(name): node.to_dataset(inherit=False) for name, node in tree.children.items()}
    if "posterior" not in groups:
        raise ModelError(f"expected a folder with a group 'posterior', got {str(path)!r} with {sorted(groups)}")
    for group in ("posterior", "sample_stats"):
        sizes = {d: groups[group].sizes[d] for d in ("chain", "draw") if d in groups[group].sizes}
        groups[group] = groups[group].assign_coords({d: range(n) for d, n in sizes.items()})
    groups["sample_stats"] = _with_rates(groups["sample_stats"])
    plain = {str(n): x for n, x in tree.attrs.items() if isinstance(x, (str, int, float))}
    return container(groups, plain)


def _with_rates(statistics: Any) -> Any:
    """Accepted shares in the place of running counts of proposals and acceptances."""
    moved = [str(n) for n in statistics.data_vars if str(n).startswith("moves ")]
    rates = {
        f"acceptance {n.removeprefix('moves ')}": (("chain", "draw"), accepted_share(statistics[n].values))
        for n in moved
    }
    return statistics.drop_vars(moved).assign(rates)


__all__ = ["from_zarr"]

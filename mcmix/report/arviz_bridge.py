"""The one file that knows ArviZ, in both its generations: 0.23 (InferenceData) and 1.x (DataTree).

Arrays go in with shape (chains, draws, *shape). ArviZ is imported at first use, so that `import mcmix` stays quick.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.files import written_beside
from mcmix.nodes.names import only_count
from mcmix.nodes.numbers import as_numbers

ANGLES = "mcmix_angles"  # the attribute that names variables and data on a circle

Groups = Mapping[str, Mapping[str, Any]]


def generation() -> int:
    """Major version of the ArviZ that is installed: 0 or 1, without importing it."""
    return int(version("arviz").partition(".")[0])


def to_inference_data(
    groups: Groups,
    dims: Mapping[str, Sequence[str]] | None = None,
    coords: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    own_dims: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    own_coords: Mapping[str, Mapping[str, Any]] | None = None,
) -> Any:
    """Arrays by group and name as ArviZ's own container.

    Parameters
    ----------
    groups : mapping of group to mapping of name to array
        ``posterior``, ``sample_stats``, ``log_likelihood``, ``log_prior`` and so on hold arrays of shape
        (chains, draws, *shape); a group whose name contains ``data`` (``observed_data``) holds plain arrays.
        Empty groups are left out.
    dims : mapping of name to names of dimensions, optional
        For the axes after chain and draw; axes without a name are called ``<name>_dim_0`` and so on.
    coords : mapping of dimension to labels, optional
    attributes : mapping of str to str or number, optional
        Written on the container and on each group.
    own_dims : mapping of group to mapping of name to names of dimensions, optional
        Names that hold in one group only (a log likelihood per unit beside data per row).
    own_coords : mapping of group to mapping of dimension to labels, optional
        Labels that hold in one group only (some of the draws).

    Returns
    -------
    arviz.InferenceData or xarray.DataTree

    Examples
    --------
    >>> data = to_inference_data({"posterior": {"mu": np.zeros((4, 10, 2))}}, dims={"mu": ["component"]})
    >>> data["posterior"]["mu"].dims
    ('chain', 'draw', 'component')
    """
    options = {"attrs": dict(attributes or {})}
    named = {group: {**(dims or {}), **(own_dims or {}).get(group, {})} for group in groups}
    along = {group: {**(coords or {}), **(own_coords or {}).get(group, {})} for group in groups}
    datasets = {
        g: _dataset(g, arrays, {**options, "dims": named[g], "coords": along[g]})
        for g, arrays in groups.items()
        if arrays
    }
    if generation() == 0:
        return arviz().InferenceData(attrs=options["attrs"], **datasets)
    from xarray import DataTree

    tree = DataTree.from_dict(datasets)
    tree.attrs.update(options["attrs"])
    return tree


def angles_in(data: Any) -> frozenset[str]:
    """Variables and data on a circle, as a container that mcmix made says in an attribute."""
    return frozenset(json.loads(str(attributes_of(data).get(ANGLES, "[]"))))


def labels_in(data: Any) -> dict[str, tuple[Any, ...]]:
    """Labels along the axes of variables of the posterior, where these are names; None for an axis that is counted."""
    posterior = data["posterior"]
    found = {
        str(n): tuple(_names_along(posterior, d) for d in posterior[n].dims if d not in ("chain", "draw"))
        for n in posterior.data_vars
    }
    return {n: labels for n, labels in found.items() if any(x is not None for x in labels)}


def _names_along(posterior: Any, dimension: Any) -> np.ndarray | None:
    labels = posterior.coords[dimension].values if dimension in posterior.coords else None
    return None if labels is None or only_count(labels) else np.asarray(labels)


def circ_var_names(data: Any) -> list[str]:
    """Variables of the posterior on a circle, as ArviZ 0.23 asks for them."""
    return sorted(angles_in(data) & {str(n) for n in data["posterior"].data_vars})


def summary(data: Any, **options: Any) -> Any:
    """ArviZ's own table of a container; the generation that asks for the names of angles is told them."""
    angles = circ_var_names(data)
    asked = {"circ_var_names": angles} if angles and generation() == 0 else {}
    return arviz().summary(data, **{**asked, **options})


def to_netcdf(data: Any, path: str | Path) -> Path:
    """Write what `to_inference_data` made to a netCDF file, its folder included; returns the path."""
    with written_beside(path) as beside:
        data.to_netcdf(str(beside))
    return Path(path)


def autocorrelation(x: np.ndarray, max_lag: int = 100) -> np.ndarray:
    """Autocorrelation of each chain of each element, lags 0 to `max_lag` (or as far as the chain goes).

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    max_lag : int

    Returns
    -------
    ndarray, shape (chains, lags, *shape)
        NaN for a chain that stands still, or with draws that are not finite.
    """
    array = np.moveaxis(checked(x), 1, -1)
    if generation() == 0:
        found = arviz().autocorr
    else:
        from arviz_stats.base import array_stats

        found = array_stats.autocorr
    moving = np.isfinite(array).all(-1) & (array != array[..., :1]).any(-1)
    lags = np.full((*array.shape[:-1], min(max_lag + 1, array.shape[-1])), np.nan)
    if moving.any():
        lags[moving] = found(array[moving])[..., : lags.shape[-1]]
    return np.moveaxis(lags, -1, 1)


def posterior_from_netcdf(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Draws by name, shape (chains, draws, *shape), and the attributes of the posterior in a netCDF file."""
    from xarray import open_dataset

    with open_dataset(Path(path), group="posterior") as data:
        return {str(name): data[name].values for name in data.data_vars}, dict(data.attrs)


def from_netcdf(path: str | Path) -> Any:
    """A container of the installed generation from a netCDF file that either generation wrote.

    Raises
    ------
    ModelError
        If there is no such file, it cannot be read, or it holds no posterior.
    """
    from xarray import open_groups

    target = Path(path)
    if not target.is_file():
        raise ModelError(f"expected a netCDF file with draws, got none at {str(path)!r}")
    try:
        groups = {name.strip("/"): group.load() for name, group in open_groups(target).items()}
    except Exception as error:  # whatever the engine of netCDF raises at what is none
        raise ModelError(
            f"expected a netCDF file with draws, got {target.name!r}, which cannot be read: {error}"
        ) from error
    for group in groups.values():
        group.close()
    if "posterior" not in groups:
        raise ModelError(f"expected a file with a group 'posterior', got {target.name!r} with {sorted(groups)}")
    root = groups.pop("", None)
    return container({g: d for g, d in groups.items() if "/" not in g}, {} if root is None else root.attrs)


def container_of(given: Any) -> Any:
    """A container with a posterior, from one, from its posterior alone, or from arrays by name (chains, draws, ...).

    Raises
    ------
    ModelError
        If it is none of these.
    """
    if _has_posterior(given):
        return given
    if hasattr(given, "data_vars"):
        if any({"chain", "draw"} <= {*given[n].dims} for n in given.data_vars):
            posterior = _dataset_of(given)
            return container({"posterior": posterior}, posterior.attrs)
    elif isinstance(given, Mapping) and given:
        arrays = {str(n): _by_draw(str(n), x) for n, x in given.items()}
        if len({x.shape[:2] for x in arrays.values()}) > 1:
            came = ", ".join(f"{n} {x.shape[:2]}" for n, x in arrays.items())
            raise ModelError(f"expected as many chains and draws of every variable, got {came}")
        return to_inference_data({"posterior": arrays})
    holds = f" with {_groups(given)}" if hasattr(given, "groups") else ""
    raise ModelError(
        "expected an MCMC object, a netCDF file, an ArviZ object with a posterior group, its posterior, or arrays by "
        f"name of shape (chains, draws, ...), got {type(given).__name__}{holds}"
    )


def _has_posterior(given: Any) -> bool:
    children = getattr(given, "children", None)
    if children is not None:
        return "posterior" in children
    return callable(getattr(given, "groups", None)) and "posterior" in _groups(given)


def _by_draw(name: str, values: Any) -> np.ndarray:
    array = as_numbers(name, values)
    if np.ma.isMaskedArray(array) or array.ndim < 2:
        raise ModelError(
            f"{name}: expected numbers of shape (chains, draws, ...), got {array.dtype} of shape {np.shape(array)}"
        )
    return array


def draws_of(data: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Draws by name, shape (chains, draws, *shape), and what the sampler says of itself, of either container."""
    if "posterior" not in _groups(data):
        raise ModelError(
            f"expected an ArviZ object with a posterior group, got {type(data).__name__} with {_groups(data)}"
        )
    posterior = _plain(data["posterior"])
    statistics = _plain(data["sample_stats"]) if "sample_stats" in _groups(data) else {}
    return posterior, statistics


def observed_of(data: Any) -> dict[str, np.ndarray]:
    """Data by name, as far as a container has them."""
    if "observed_data" not in _groups(data):
        return {}
    group = data["observed_data"]
    return {str(n): np.asarray(group[n].values) for n in group.data_vars}


def group_of(data: Any, group: str) -> dict[str, np.ndarray]:
    """Arrays of a group by name, the axes of chain and draw first; none where there is no such group."""
    if group not in _groups(data):
        return {}
    found = data[group]
    front = {n: [d for d in ("chain", "draw") if d in found[n].dims] for n in found.data_vars}
    return {str(n): np.asarray(found[n].transpose(*front[n], ...).values) for n in found.data_vars}


def attributes_of(data: Any) -> dict[str, Any]:
    """Attributes of a container and of its posterior."""
    return {**dict(data["posterior"].attrs), **dict(data.attrs)}


def _groups(data: Any) -> list[str]:
    groups = getattr(data, "groups", None)
    if callable(groups):  # ArviZ 0.x
        return list(groups())
    return [str(g).lstrip("/") for g in groups or ()]


def _plain(group: Any) -> dict[str, np.ndarray]:
    names = list(group.data_vars)
    return {
        str(n): group[n].transpose("chain", "draw", ...).values for n in names if {"chain", "draw"} <= {*group[n].dims}
    }


def with_draws(
    data: Any,
    posterior: Mapping[str, np.ndarray],
    statistics: Mapping[str, np.ndarray],
    dims: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """A copy with other values of some variables, and more statistics by draw, whose further axes have names."""
    new = _dataset_of(data["posterior"]).copy()
    for name, values in posterior.items():
        own = new[name].transpose("chain", "draw", ...)
        new[name] = (own.dims, values.astype(own.dtype) if own.dtype.kind in "iu" else values, own.attrs)
    old = _dataset_of(data["sample_stats"]).copy() if "sample_stats" in _groups(data) else new[[]]
    old = old.drop_vars([name for name in statistics if name in old.variables])
    for name, values in statistics.items():
        own_dims = (dims or {}).get(name, ())
        if any(old.sizes.get(d, n) != n for d, n in zip(own_dims, values.shape[2:], strict=False)) or not own_dims:
            own_dims = [f"{name}_dim_{i}" for i in range(values.ndim - 2)]
        old[name] = (("chain", "draw", *own_dims), values)
    return _replaced(data, {"posterior": new, "sample_stats": old})


def row_labels(data: Any, name: str) -> np.ndarray | None:
    """Labels of the first axis of observed data, or else of draws, by name; None where nothing names them."""
    for group in ("observed_data", "posterior"):
        if group in _groups(data) and name in data[group].data_vars:
            axis = [d for d in data[group][name].dims if d not in ("chain", "draw")][:1]
            named = [data[group].coords[d].values for d in axis if d in data[group].coords]
            return np.asarray(named[0]) if named else None
    return None


def with_named_axis(data: Any, names: Sequence[str], axis: str) -> Any:
    """A copy in which the first axis after chain and draw of some variables has a name, where ArviZ's own stood there.

    Left as it is where anything else has that name, with another length.
    """
    posterior = _dataset_of(data["posterior"])
    automatic = [n for n in names if f"{n}_dim_0" in posterior[n].dims]
    lengths = {posterior.sizes[f"{n}_dim_0"] for n in automatic}
    taken = {n for g in _groups(data) if g for n in (data[g].sizes.get(axis),) if n is not None}
    if len(lengths) != 1 or taken - lengths or axis in posterior.data_vars:
        return data
    new = posterior.drop_vars([f"{n}_dim_0" for n in automatic if f"{n}_dim_0" in posterior.coords])
    for name in automatic:
        own = new[name]
        new[name] = (tuple(axis if d == f"{name}_dim_0" else d for d in own.dims), own.values, own.attrs)
    if axis not in new.coords:
        new = new.assign_coords({axis: np.arange(lengths.pop())})
    return _replaced(data, {"posterior": new})


def with_group(
    data: Any,
    group: str,
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, Any],
    like: Mapping[str, str] | None = None,
) -> Any:
    """A copy with a group of plain arrays added (or added to), and attributes on it and on the whole.

    `like` names for an array the variable of the posterior whose axes it has, beside chain and draw.
    """
    from xarray import Dataset

    added = {n: (_dims_like(data, n, x, (like or {}).get(n)), x) for n, x in arrays.items()}
    old = _dataset_of(data[group]) if group in _groups(data) else Dataset()
    merged = old.drop_vars([n for n in added if n in old.variables]).merge(Dataset(added))
    merged.attrs.update({**old.attrs, **attributes})
    found = _replaced(data, {group: merged})
    found.attrs.update(attributes)
    return found


def _dims_like(data: Any, name: str, values: np.ndarray, variable: str | None) -> list[str]:
    own = [] if variable is None else [str(d) for d in data["posterior"][variable].dims if d not in ("chain", "draw")]
    return own if len(own) == np.ndim(values) else [f"{name}_dim_{i}" for i in range(np.ndim(values))]


def dataset(
    arrays: Mapping[str, np.ndarray],
    dims: Mapping[str, Sequence[str]],
    attributes: Mapping[str, Any],
    coords: Mapping[str, Any] | None = None,
) -> Any:
    """Plain arrays with named axes as an xarray.Dataset."""
    from xarray import Dataset

    return Dataset({n: (list(dims[n]), x) for n, x in arrays.items()}, coords=coords, attrs=dict(attributes))


def by_point(arrays: Mapping[str, np.ndarray], points: np.ndarray, attributes: Mapping[str, Any]) -> Any:
    """Curves as an xarray.Dataset, with the points (n,) or rows (n, columns) at which they were asked.

    Dimension ``point``, with the points as its labels where they are numbers; rows are a variable ``at``.
    """
    from xarray import Dataset

    x = np.asarray(points, dtype=float)
    curves = {name: ("point", values) for name, values in arrays.items()}
    if x.ndim == 1:
        return Dataset(curves, coords={"point": x}, attrs=dict(attributes))
    rows = {"at": (("point", "coordinate"), x)}
    return Dataset({**curves, **rows}, coords={"point": np.arange(len(x))}, attrs=dict(attributes))


def _dataset_of(group: Any) -> Any:
    return group if hasattr(group, "merge") else group.to_dataset()


def _replaced(data: Any, groups: Mapping[str, Any]) -> Any:
    """A copy of a container with some of its groups replaced."""
    present = {g: _dataset_of(data[g]) for g in _groups(data) if g}
    return container({**present, **groups}, data.attrs)


def container(groups: Mapping[str, Any], attributes: Mapping[str, Any]) -> Any:
    """Datasets by group as the container of the installed generation."""
    if generation() == 0:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*group is not defined", category=UserWarning)
            return arviz().InferenceData(attrs=dict(attributes), **groups)
    from xarray import DataTree

    tree = DataTree.from_dict(dict(groups))
    tree.attrs.update(attributes)
    return tree


POWER = 1.01  # and its inverse: where the derivative by the log of a power is taken


def power_scaling(values: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Power-scaling sensitivity of each element to a factor of the posterior, by the installed ArviZ.

    Parameters
    ----------
    values : ndarray, shape (chains, draws, elements)
    logs : ndarray, shape (chains, draws)
        Logarithm of the factor.

    Returns
    -------
    ndarray, shape (elements,)
        Derivative of the cumulative Jensen-Shannon distance by the log2 of the factor's power, in [0, inf): 0 where the
        factor is the same at all draws. NaN for a constant element, and where the factor's largest values are all the
        same. The generations smooth weights a little differently, which the third digit shows.
    """
    moves = (values != values[:1, :1]).any(axis=(0, 1))
    if np.ptp(logs) <= 1e-9 * (1.0 + np.abs(logs).max()):
        return np.where(moves, 0.0, np.nan)
    posterior = {"posterior": {"x": values}, "log_prior": {"factor": logs}}
    data = to_inference_data(posterior, dims={"x": ["element"]})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if generation() == 0:
                found = arviz().psens(data, component="prior", delta=POWER - 1.0)
            else:
                from arviz_stats import psense

                found = psense(data, group="prior", alphas=(1.0 / POWER, POWER))
        except ValueError:  # a tail of equal values has no Pareto fit
            return np.full(values.shape[2], np.nan)
    return np.where(moves, np.ravel(found["x"].values), np.nan)


def labelled(flat: np.ndarray) -> Any:
    """Draws of shape (chains, draws, elements) as a dataset."""
    from xarray import Dataset

    return Dataset({"x": (("chain", "draw", "element"), flat)})


def checked(x: np.ndarray) -> np.ndarray:
    """Draws as doubles, with axes for chains and draws."""
    array = np.asarray(x, dtype=np.float64)
    if array.ndim < 2:
        raise ValueError(f"expected draws of shape (chains, draws, ...), got shape {array.shape}")
    return array


def _dataset(group: str, arrays: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    leading = [] if "data" in group else ["chain", "draw"]
    keyword = "default_dims" if generation() == 0 else "sample_dims"
    named = {k: v for k, v in options["dims"].items() if k in arrays and len(v) == np.ndim(arrays[k]) - len(leading)}
    with warnings.catch_warnings():
        for notice in ("More chains", "Found chain dimension"):  # four chains of three draws are no slip of the axes
            warnings.filterwarnings("ignore", message=notice, category=UserWarning)
        return arviz().dict_to_dataset(dict(arrays), **{keyword: leading}, **{**options, "dims": named})


def arviz() -> Any:
    """ArviZ itself, without its notices."""
    with warnings.catch_warnings():
        # ArviZ 0.23 announces its successor at import; that is for us to know, not for the reader of a summary.
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
        import arviz
    return arviz

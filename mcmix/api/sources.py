"""What users hand in as draws: a sampler's file, an ArviZ object or arrays by name, and what is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.api.arguments import roles_from
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.numbers import with_gaps
from mcmix.report import arviz_bridge, arviz_zarr
from mcmix.report.labels.roles import LABELS, NAMES, LabelRoles, from_text, tables_of
from mcmix.traces.memory import Draws

SEED = "mcmix_seed"  # the attribute that holds the seed of the run


@dataclass(frozen=True)
class Source:
    """Draws without a model.

    Attributes
    ----------
    container : arviz.InferenceData or xarray.DataTree
    draws : Draws
        Variables and statistics by name, shape (chains, draws, ...).
    observed : dict of str to ndarray
    attributes : dict
    labels : dict of str to LabelRoles
        What draws by mcmix say of their label vectors.
    """

    container: Any
    draws: Draws
    observed: Mapping[str, np.ndarray]
    attributes: Mapping[str, Any]
    labels: Mapping[str, LabelRoles]

    @property
    def own(self) -> bool:
        """Whether mcmix made the draws."""
        return self.attributes.get("inference_library") == "mcmix"

    @property
    def names(self) -> dict[str, str]:
        """Names of the model's variables by their names here, where these differ."""
        return names_in_container(self.container)

    @property
    def seed(self) -> np.random.SeedSequence:
        """That of the run; 0 where it is not known."""
        return streams.read(json.loads(self.attributes.get(SEED, "{}")))

    def known_names(self, names: Sequence[str], what: str) -> None:
        """Refuse names that no variable has."""
        missing = [n for n in names if n not in self.draws.variables]
        if missing:
            there = ", ".join(self.draws.variables)
            raise ModelError(f"{what}: no variable {', '.join(map(repr, missing))}; there are {there}")


def names_in_container(container: Any) -> dict[str, str]:
    """Names of a model's variables by their names in a container, where these differ."""
    return dict(json.loads(arviz_bridge.attributes_of(container).get(NAMES, "{}")))


def is_sampler(given: Any) -> bool:
    """Whether it is a sampler with a model."""
    return hasattr(given, "assembled")


def opened(given: Any, what: str) -> Source:
    """Draws from a netCDF file, a folder of draws, an ArviZ object, its posterior alone, or arrays by name.

    Raises
    ------
    ModelError
        If there is no file, it cannot be read, or nothing has the axes chain and draw.
    """
    try:
        if isinstance(given, (str, Path)):
            container = (arviz_zarr.from_zarr if Path(given).is_dir() else arviz_bridge.from_netcdf)(given)
        else:
            container = arviz_bridge.container_of(given)
        attributes = arviz_bridge.attributes_of(container)
        labels = from_text(str(attributes.get(LABELS, "[]")))
    except ModelError as error:
        raise ModelError(f"{what}: {error}") from error
    variables, statistics = arviz_bridge.draws_of(container)
    variables = {n: x for n, x in variables.items() if x.dtype.kind in "fiub"}
    if not variables or not all(x.shape[0] and x.shape[1] for x in variables.values()):
        came = "no draws" if variables else "none in the posterior"
        raise ModelError(f"{what}: expected variables of numbers with the axes chain and draw, got {came}")
    draws = Draws(
        variables, statistics, angles=arviz_bridge.angles_in(container), labels=arviz_bridge.labels_in(container)
    )
    return Source(container, draws, arviz_bridge.observed_of(container), attributes, labels)


# -------------------------------------------------------------------- whose labels


@dataclass(frozen=True)
class Elsewhere:
    """What ``vars=`` says of draws, checked.

    Attributes
    ----------
    labels : str or None
    components : list of str
        Variables whose first axis is the component, the weights among them.
    data : ndarray, shape (N, D), or None
    n_components : int or None
    first_label : int or None
        The label of the first component.
    """

    labels: str | None
    components: list[str]
    data: np.ndarray | None
    n_components: int | None
    first_label: int | None = None


def elsewhere(source: Source, vars: Any, what: str) -> Elsewhere:
    """Read ``vars=``; for its keys see :data:`mcmix.api.arguments.ROLES`."""
    said = roles_from(vars, what)
    label = said.get("labels")
    if not (label is None or isinstance(label, str)):
        raise ModelError(f"{what}: vars= 'labels' expected one name, got {label!r}")
    weights = said.get("weights")
    names = _names_in(said.get("components"), "distribution" in said, what)
    names += [weights] if isinstance(weights, str) and weights not in names else []
    source.known_names([*names, *([label] if label else [])], what)
    if "distribution" in said:  # parameters that all components share are no components
        names = [n for n in names if source.draws.variables[n].ndim > 2]
    count = said.get("n_components")
    if not (count is None or (isinstance(count, (int, np.integer)) and not isinstance(count, bool) and count > 0)):
        raise ModelError(f"{what}: vars= 'n_components' expected a whole number of at least 1, got {count!r}")
    units = source.draws.variables[label].shape[-1] if label and source.draws.variables[label].ndim > 2 else None
    data = None if said.get("data") is None else data_from(said["data"], source, units, what)
    return Elsewhere(label, names, data, None if count is None else int(count), first_label(source, said, what))


def first_label(source: Source, said: Mapping[str, Any], what: str) -> int | None:
    """The label of the first component, as far as a user or the draws say it."""
    first = said.get("first_label")
    if first is None:
        known = source.labels.get(str(said.get("labels")))
        return None if known is None else known.lowest
    if isinstance(first, (bool, np.bool_)) or not isinstance(first, (int, np.integer)) or first not in (0, 1):
        raise ModelError(f"{what}: vars= 'first_label' expected 0 or 1, got {first!r}")
    return int(first)


def data_from(data: Any, source: Source, n_units: int | None, what: str) -> np.ndarray:
    """Rows of finite numbers, one for each unit: an array, or the name of observed data."""
    given = source.observed.get(data, data) if isinstance(data, str) else data
    rows = np.zeros(()) if isinstance(given, str) else with_gaps(f"{what}: vars= 'data'", given)
    if rows.ndim < 1 or not np.isfinite(rows).all() or n_units not in (None, len(rows)):
        expected = "rows" if n_units is None else f"{n_units} rows"
        came = f"{data!r}" if isinstance(data, str) else f"shape {np.shape(data)}"
        raise ModelError(f"{what}: vars= 'data' expected {expected} of finite numbers, got {came}")
    return rows.reshape(len(rows), -1)


def _names_in(components: Any, with_distribution: bool, what: str) -> list[str]:
    """Names of the components' variables: none, one or several."""
    found = [] if components is None else [components] if isinstance(components, str) else components
    if with_distribution and isinstance(found, Mapping):
        found = list(found.values())
    if with_distribution and isinstance(found, (list, tuple)):
        return [n for n in found if isinstance(n, str)]
    if not isinstance(found, Sequence) or not all(isinstance(n, str) for n in found):
        raise ModelError(f"{what}: vars= 'components' expected names of variables, got {components!r}")
    return list(dict.fromkeys(found))


def roles_elsewhere(source: Source, said: Elsewhere, what: str) -> LabelRoles:
    """Roles of draws whose variables a user has named.

    Raises
    ------
    ModelError
        If axes do not fit, labels are no whole numbers, or the number of components varies between draws.
    """
    variables = source.draws.variables
    widths = {n: variables[n].shape[2] if variables[n].ndim > 2 else 0 for n in said.components}
    if len(set(widths.values())) > 1 or 0 in widths.values():
        raise ModelError(f"{what}: components= expected variables with one first axis for all, got lengths {widths}")
    _refuse_gaps({n: variables[n] for n in said.components}, what)
    k = next(iter(widths.values()), said.n_components or 0)
    if said.n_components not in (None, k):
        raise ModelError(f"{what}: vars= 'n_components' is {said.n_components}, but {widths} have another first axis")
    lowest = 0
    if said.labels is not None:
        labels = variables[said.labels]
        lowest = lowest_of(labels, said.labels, k, what, said.first_label)
        _refuse_varying(labels, said.labels, k, what)
        most = int(labels.max()) - lowest + 1
        if k and most > k:
            raise ModelError(
                f"{what}: {said.labels!r} has labels up to {most - 1 + lowest}, more than the {k} components"
                + (f" of {', '.join(said.components)}" if said.components else "")
            )
        k = k or most
    tables = [t for n in said.components for t in tables_of(n, variables[n])]
    return LabelRoles(said.labels or "components", lowest, k, tables, classes=[list(range(k))])


def lowest_of(labels: np.ndarray, name: str, k: int, what: str, first: int | None = None) -> int:
    """The number that labels of K components begin with, as it was said or as nothing else fits.

    Raises
    ------
    ModelError
        If labels are no whole numbers, are below what was said, or fit K components counted from 0 and from 1.
    """
    if labels.ndim < 3 or labels.dtype.kind not in "fiub" or not np.array_equal(labels, np.round(labels)):
        raise ModelError(
            f"{what}: {name!r}: expected whole numbers, one for each unit, got {labels.dtype} of shape {labels.shape}"
        )
    least, most = int(labels.min()), int(labels.max())
    if first is not None:
        if least < first:
            raise ModelError(f"{what}: {name!r} expected labels from {first} ('first_label'), got {least}")
        return first
    if 1 <= least and most < k:
        raise ModelError(
            f"{what}: {name!r} has labels from {least} to {most} for {k} components, which may be counted from 0 (the "
            "first is empty in all draws) or from 1 (the last is): say which with vars={'first_label': 0} or 1"
        )
    return min(least, max(0, most - k + 1)) if least >= 0 and k > 0 else least


def _refuse_gaps(components: Mapping[str, np.ndarray], what: str) -> None:
    """Components that are not there in some draws have no names in common, whatever their labels."""
    bad = [name for name, x in components.items() if not np.isfinite(x).all()]
    if bad:
        raise ModelError(
            f"{what}: expected finite draws of components, got others in {', '.join(bad)}; where the number of "
            "components varies between draws, they have no names in common: use mc.partition on the labels"
        )


def labels_left_out(name: str, what: str) -> ModelError:
    """The refusal where mcmix made the draws, but no labels are among them."""
    return ModelError(
        f"{what}: expected draws of labels, got none: those of {name!r} were summed out or not kept; "
        "mc.MCMC(model).read(path) puts the draws into a sampler of their model, with which labels are drawn again"
    )


def _refuse_varying(labels: np.ndarray, name: str, k: int, what: str) -> None:
    """Labels alone: where their number varies from draw to draw, components have no names in common."""
    if k:
        return
    rows = labels.reshape(-1, labels.shape[-1])
    numbers = [len(np.unique(row)) for row in rows[np.unique(np.linspace(0, len(rows) - 1, 1000).astype(int))]]
    if min(numbers) < max(numbers):
        raise ModelError(
            f"{what}: {name!r} has {min(numbers)} to {max(numbers)} clusters, varying between draws: components have "
            "no names in common: use mc.partition, mc.similarity or mc.occupied, which need none; or, where there are "
            "always K components of which some are empty, say so with vars={'n_components': K}"
        )


__all__ = [
    "NAMES", "SEED", "Elsewhere", "Source", "data_from", "elsewhere", "first_label", "is_sampler", "labels_left_out",
    "lowest_of", "names_in_container", "opened", "roles_elsewhere",
]  # fmt: skip

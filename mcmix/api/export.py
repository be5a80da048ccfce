"""Everything for ArviZ: which groups, which names for dimensions and coordinates."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import category, normalize

import numpy as np

from mcmix._version import __version__
from mcmix.api.diagnosis import of_no_fixed_number
from mcmix.api.given_clusters import with_a_meaning
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.sources import NAMES, SEED, is_sampler, opened
from mcmix.api.symmetries import roles_of
from mcmix.kernels import streams
from mcmix.nodes.covariates import Covariates
from mcmix.report import arviz_bridge
from mcmix.report.labels.roles import LABELS, to_text
from mcmix.sampling import pointwise, predictive, replay
from mcmix.sampling.axes import dimensions, missing_dimensions
from mcmix.screen import say
from mcmix.steps.plan import CompiledModel
from mcmix.traces.memory import Draws

PRIOR_DRAWS = 500


Groups = dict[str, dict[str, np.ndarray]]

REPLICATES = 1000  # of the data, unless the caller says how many
MOST_BYTES = 2**30  # of a log likelihood that nobody gave a size to


@dataclass(frozen=True)
class Wanted:
    """Groups beyond posterior, sample_stats and observed_data; `at_most` draws of all chains for two of them."""

    log_likelihood: bool = False
    log_prior: bool = False
    posterior_predictive: bool = False
    prior: bool = False
    at_most: int | None = None


def exported(m: PosteriorDraws, draws: Draws, wanted: Wanted) -> Any:
    """Build the container; see :meth:`MCMC.to_arviz`."""
    compiled = m.assembled
    groups = {"posterior": dict(draws.variables), "sample_stats": dict(draws.statistics), **data_of(m)}
    own_coords: dict[str, dict[str, Any]] = {}
    if wanted.log_likelihood:
        groups["log_likelihood"], own_coords["log_likelihood"] = _likelihood(compiled, draws, wanted.at_most)
    if wanted.log_prior:
        groups["log_prior"] = replay.log_prior(compiled, draws)
    if wanted.posterior_predictive:
        found, own_coords["posterior_predictive"] = _replicates(m, draws, wanted.at_most or REPLICATES)
        groups["posterior_predictive"] = found
    if wanted.prior:
        groups |= _prior(m, draws)
    groups = _with_a_meaning(m, draws, groups)
    told = named(m, groups, m.seed_sequence, {"sampling_time": m.sampling_seconds})
    return arviz_bridge.to_inference_data(
        told.groups, told.dims, told.coords, told.attributes, told.own_dims, own_coords
    )


def _with_a_meaning(m: PosteriorDraws, draws: Draws, groups: Groups) -> Groups:
    """Groups without variables of components of which there is no fixed number."""
    gone = of_no_fixed_number(m)
    if not gone:
        return groups
    with_a_meaning(list(draws.variables), gone, False, "to_arviz")
    return {g: {n: x for n, x in arrays.items() if n not in gone} for g, arrays in groups.items()}


@dataclass(frozen=True)
class Named:
    """Arrays by group under names that files can hold, with the names of their axes and what is said beside them."""

    groups: dict[str, dict[str, np.ndarray]]
    dims: dict[str, list[str]]
    coords: dict[str, Any]
    attributes: dict[str, Any]
    own_dims: dict[str, dict[str, list[str]]]
    clashes: dict[str, str]


def named(
    m: PosteriorDraws,
    groups: Mapping[str, Mapping[str, np.ndarray]],
    seed: np.random.SeedSequence | None,
    more: Mapping[str, Any],
) -> Named:
    """Arrays of draws, by group and name, with all that somebody needs who reads them without the model."""
    compiled = m.assembled
    dims, coords = dimensions(compiled)
    gaps, places = missing_dimensions(compiled)
    coords |= places
    own_dims = {"posterior": gaps, "sample_stats": _permutation_dims(compiled, groups.get("sample_stats", {}))}
    if "log_likelihood" in groups:
        own_dims["log_likelihood"] = _unit_dims(dims, dict(groups["log_likelihood"]), coords)
    clashes = _clashes(groups, dims, coords)
    steps = {v.name: f"{s.name}: {s.reason}" for s in compiled.steps for v in s.nodes}
    attributes: dict[str, Any] = {"inference_library": "mcmix", "inference_library_version": __version__, **more}
    attributes |= {f"step {name.replace('/', ' per ')}": what for name, what in _under(steps, clashes).items()}
    attributes |= {f"name {new}": f"stands for the variable {old!r}" for old, new in clashes.items()}
    attributes |= _for_reading(m, clashes, seed)
    renamed, own_dims = ({g: _under(x, clashes) for g, x in by_group.items()} for by_group in (groups, own_dims))
    return Named(renamed, _under(dims, clashes), coords, attributes, own_dims, clashes)


def data_of(m: PosteriorDraws) -> dict[str, dict[str, np.ndarray]]:
    """Groups of what is not drawn."""
    known = {n.name: np.asarray(n.known) for n in m.model.variables if isinstance(n, Covariates)}
    return {"observed_data": m.observed_data(), "constant_data": known}


def circ_var_names(draws: Any) -> list[str]:
    """Names of the drawn variables that are angles, for ArviZ.

    Parameters
    ----------
    draws : MCMC, arviz.InferenceData, xarray.DataTree or path
        A sampler, or what :meth:`MCMC.to_arviz` and :func:`relabel` made of its draws, or their file.

    Returns
    -------
    list of str
        Variables of a distribution on the circle (VonMises); functions of them are none. ``arviz.summary`` and plots of
        ArviZ 0.23 take them as ``circ_var_names=``; the functions of ArviZ 1.x know ``circular=True`` one by one. The
        tables and pictures of this package know their angles themselves.

    Raises
    ------
    ModelError
        If there are no draws.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.VonMises("mu", 0.0, 0.1)
    >>> y = mc.VonMises("y", mu, 2.0, value=[3.0, -3.1, 2.9], observed=True)
    >>> mc.circ_var_names(mc.MCMC([y, mu]).sample(200, 50, seed=1))
    ['mu']
    """
    if is_sampler(draws):
        return sorted(draws.draws().angles & set(draws.draws().variables))
    return arviz_bridge.circ_var_names(opened(draws, "circ_var_names").container)


def _for_reading(m: PosteriorDraws, clashes: Mapping[str, str], run: np.random.SeedSequence | None) -> dict[str, str]:
    """What somebody needs who has the draws alone: label vectors and their components, names, the seed."""
    found = {LABELS: to_text(roles_of(m).values(), clashes)}
    angles = [clashes.get(n, n) for n in sorted(m.assembled.model.angles)]
    if angles:
        found[arviz_bridge.ANGLES] = json.dumps(angles)
    if clashes:
        found[NAMES] = json.dumps({new: old for old, new in clashes.items()})
    if run is not None and isinstance(run.entropy, int):
        found[SEED] = json.dumps(streams.written(run))
    return found


def _permutation_dims(compiled: CompiledModel, statistics: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """Permutations that a relabelling found have the axis of the components."""
    several = len(compiled.label_blocks) > 1
    blocks = [b.label.node.name for b in compiled.label_blocks]
    own = {name: f"component_{name}" if several else "component" for name in blocks}
    found = {f"permutation {name}": [axis] for name, axis in own.items()}
    only = [name for name in blocks if len(statistics.get("permutation", ())) and _fits(name, compiled, statistics)]
    return found | ({"permutation": [own[only[0]]]} if only else {})


def _fits(name: str, compiled: CompiledModel, statistics: Mapping[str, np.ndarray]) -> bool:
    label = next(b.label for b in compiled.label_blocks if b.label.node.name == name)
    return statistics["permutation"].shape[2:] == (label.n_labels,)


def _replicates(m: PosteriorDraws, draws: Draws, at_most: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Replicates of the data by chain and draw, and which draws these are."""
    positions = draws.thinned(at_most)
    found = predictive.posterior_predictive(m.assembled, draws, positions, _seed(m, 0), None)
    by_chain = {name: x.reshape(draws.n_chains, -1, *x.shape[1:]) for name, x in found.items()}
    return by_chain, {"draw": np.unique(positions[:, 1])}


def _prior(m: PosteriorDraws, draws: Draws) -> dict[str, dict[str, np.ndarray]]:
    """Draws from the distributions, as one chain: of unknowns that the posterior group has too, and of data."""
    data = {n.name for n in m.model.data_nodes}
    names = [n.name for n in m.model.stochastics if n.name in draws.variables and n.name not in data]
    found = m.model.prior_predictive(
        PRIOR_DRAWS, _seed(m, 1), [*names, *[n.name for n in m.model.data_nodes if n.can_draw]]
    )
    chain = {name: x[None] for name, x in found.items()}
    return {
        "prior": {name: x for name, x in chain.items() if name not in data},
        "prior_predictive": {name: x for name, x in chain.items() if name in data},
    }


def _seed(m: PosteriorDraws, number: int) -> np.random.SeedSequence:
    """A stream of its own, the same whenever the same run is exported."""
    run = m.seed_sequence
    assert run is not None
    return streams.of_exports(run, number)


def _clashes(
    groups: Mapping[str, Mapping[str, np.ndarray]], dims: Mapping[str, list[str]], coords: Mapping[str, Any]
) -> dict[str, str]:
    """New names of variables that a container or file cannot hold under their own."""
    shapes = {name: np.shape(x)[2:] for arrays in groups.values() for name, x in arrays.items()}
    counted = {f"{name}_dim_{i}" for name, shape in shapes.items() if name not in dims for i in range(len(shape))}
    taken = {"chain", "draw", *coords, *[d for names in dims.values() for d in names], *counted}
    found: dict[str, str] = {}
    good = [name for name in shapes if _written(name) == name and name not in taken]
    taken |= {normalize("NFC", name) for name in good}
    for name in shapes:
        if name not in good or good.index(name) != _first_alike(good, name):
            found[name] = _free(_written(name), taken)
            taken.add(found[name])
    return found


def _written(name: str) -> str:
    """As files can hold it: they read a slash as a path, and some take no control characters."""
    return "".join(" " if category(c) == "Cc" else c for c in name.replace("/", " per "))


def _first_alike(names: list[str], name: str) -> int:
    """Position of the first name that files do not tell from this one: they hold letters in one form."""
    alike = normalize("NFC", name)
    return next(i for i, other in enumerate(names) if normalize("NFC", other) == alike)


def _free(name: str, taken: Collection[str]) -> str:
    """The name, made longer until nothing else has it."""
    while normalize("NFC", name) in taken:
        name += "_variable"
    return name


def _under(mapping: Mapping[str, Any], clashes: Mapping[str, str]) -> dict[str, Any]:
    """Values under their new names."""
    return {clashes.get(name, name): value for name, value in mapping.items()}


def _likelihood(
    compiled: CompiledModel, draws: Draws, at_most: int | None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Pointwise log likelihood and the draws that it is of; where these are not all, it is said."""
    every = draws.n_chains * draws.n_draws
    found, positions = pointwise.unit_log_likelihood(compiled, draws, at_most, MOST_BYTES)
    if len(positions) < every:
        size = sum(a.nbytes for a in found.values()) / 2**20
        why = "" if at_most is not None else "; at_most= takes more"
        say(f"log_likelihood: {len(positions)} of {every} draws, {size:.1f} MiB{why}", error=True)
    return found, {"draw": np.unique(positions[:, 1])}


def _unit_dims(
    dims: dict[str, list[str]], arrays: dict[str, np.ndarray], coords: dict[str, Any]
) -> dict[str, list[str]]:
    """Dimension names of a log likelihood: those of the data where it has one entry per row, else of its own."""

    def names_for(name: str, sizes: tuple[int, ...]) -> list[str]:
        names = dims.get(name, [])[: len(sizes)]  # vectors have one entry a row
        own = [f"{name} unit", *[f"{name} dim {i}" for i in range(1, len(sizes))]][: len(sizes)]
        fits = [len(coords.get(n, range(s))) == s for n, s in zip(names, sizes, strict=False)]
        return names if len(names) == len(sizes) and all(fits) else own

    return {name: names_for(name, array.shape[2:]) for name, array in arrays.items()}

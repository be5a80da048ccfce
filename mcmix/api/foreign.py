"""Draws of a mixture from elsewhere, with a model that is built around their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.api.arguments import roles_from
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.reading import read_draws
from mcmix.api.sources import Source, data_from, first_label, lowest_of, opened
from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution, node_class
from mcmix.nodes.mixture import Mixture
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.traces.memory import Draws

WIDE = 10.0  # spreads of the draws in one of a prior


def model_and_draws(draws: Any, vars: Mapping[str, Any]) -> tuple[Model, Draws, Source]:
    """The model that draws are taken to be of, these draws under its names, and where they came from.

    Raises
    ------
    ModelError
        As for :func:`mcmix.from_draws`.
    """
    source = opened(draws, "from_draws")
    said = roles_from(vars, "from_draws")
    missing = [key for key in ("distribution", "components", "weights") if said.get(key) is None]
    if missing:
        raise ModelError(f"from_draws: vars= expected {', '.join(map(repr, missing))} too, got {sorted(said)}")
    model = Model(_model(source, said))
    found, _ = read_draws(PosteriorDraws(model), _shifted(source, said), None)
    return model, found, source


def posterior_of(draws: Any, vars: Mapping[str, Any]) -> PosteriorDraws:
    """Draws from elsewhere with their model."""
    model, found, source = model_and_draws(draws, vars)
    return PosteriorDraws(model, [found], source.seed)


def _model(source: Source, said: Mapping[str, Any]) -> list[Node]:
    kind = _distribution(said["distribution"])
    name, rows = _data(source, said, kind.family)
    w = _weights(source, said["weights"])
    given = _parameters(source, said["components"], kind.family)
    labels = _labels(source, said, w, len(rows))
    try:
        y = Mixture(name, w if labels is None else labels, kind, **given, value=rows, observed=True)
    except TypeError as error:
        raise ModelError(f"from_draws: {error}") from error
    nodes = [n for n in (w, labels, *given.values()) if isinstance(n, Node)]
    return [y, *nodes]


def _distribution(given: Any) -> type[Distribution]:
    found = node_class(FAMILIES[given]) if isinstance(given, str) and given in FAMILIES else given
    if not (isinstance(found, type) and issubclass(found, Distribution)):
        raise ModelError(f"from_draws: vars= 'distribution' expected a distribution such as mc.Normal, got {given!r}")
    return found


def _data(source: Source, said: Mapping[str, Any], family: Family) -> tuple[str, np.ndarray]:
    """The rows and the name of their node."""
    given = said.get("data")
    if given is None and len(source.observed) == 1:
        given = next(iter(source.observed))
    if given is None:
        known = ", ".join(map(repr, source.observed)) or "none"
        raise ModelError(f"from_draws: vars= expected 'data': the rows, or a name among the observed data ({known})")
    rows = data_from(given, source, None, "from_draws")
    name = given if isinstance(given, str) else "y"
    while name in source.draws.variables:
        name += " data"
    return name, rows if family.event_ndim else rows.reshape(-1) if rows.shape[1] == 1 else rows


def _weights(source: Source, given: Any) -> Any:
    if not isinstance(given, str):
        numbers = _numbers("weights", given)
        if numbers.ndim != 1 or not np.isclose(numbers.sum(), 1.0) or (numbers < 0).any():
            raise ModelError(f"from_draws: vars= 'weights' expected a name or numbers with sum 1, got {given!r}")
        return numbers
    source.known_names([given], "from_draws")
    shape = source.draws.variables[given].shape[2:]
    if len(shape) != 1:
        raise ModelError(
            f"from_draws: {given!r} expected one weight for each component, got shape {shape} in each draw"
        )
    return node_class(FAMILIES["Dirichlet"])(given, np.ones(shape[0]))


def _labels(source: Source, said: Mapping[str, Any], weights: Any, n_rows: int) -> Any:
    name = said.get("labels")
    if name is None:
        return None
    source.known_names([name], "from_draws")
    k = weights.shape[0]
    if source.draws.variables[name].shape[2:] != (n_rows,):
        came = source.draws.variables[name].shape[2:]
        raise ModelError(f"from_draws: {name!r} expected {n_rows} labels in each draw, one for each row, got {came}")
    return node_class(FAMILIES["Categorical"])(name, weights, size=n_rows) if k else None


def _shifted(source: Source, said: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """All draws, labels from 0."""
    variables, name = dict(source.draws.variables), said.get("labels")
    if name is not None:
        weights = said["weights"]
        k = variables[weights].shape[2] if isinstance(weights, str) else len(weights)
        first = first_label(source, said, "from_draws")
        variables[name] = variables[name] - lowest_of(variables[name], name, k, "from_draws", first)
    return variables


# -------------------------------------------------------------------- parameters and their priors


def _parameters(source: Source, given: Any, family: Family) -> dict[str, Any]:
    """The distribution's parameters by name: known numbers, or unknowns with a wide prior."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        named = dict(given)
    elif isinstance(given, (list, tuple)) and len(given) <= len(family.parameters):
        named = {p.name: value for p, value in zip(family.parameters, given, strict=False)}
    else:
        expected = ", ".join(p.name for p in family.parameters)
        raise ModelError(
            f"from_draws: vars= 'components' expected the parameters of {family.name} ({expected}), got {given!r}"
        )
    source.known_names([v for v in named.values() if isinstance(v, str)], "from_draws")
    return {
        key: _prior(value, source.draws.variables[value], *_constraint(family, str(key)))
        if isinstance(value, str)
        else _numbers(str(key), value)
        for key, value in named.items()
    }


def _constraint(family: Family, key: str) -> tuple[str, str]:
    """What a parameter's values may be, and how it is called."""
    if key in family.alternatives:
        return family.alternatives[key].constraint, key
    found = next((p for p in family.parameters if key in (p.name, p.alias)), None)
    if found is None:
        accepted = ", ".join([*[p.name for p in family.parameters], *family.alternatives])
        raise ModelError(f"from_draws: {family.name} has no parameter {key!r}; accepted: {accepted}")
    return found.constraint, key


def _prior(name: str, values: np.ndarray, constraint: str, key: str) -> Node:
    """An unknown of the draws' shape with a proper and wide prior."""
    shape = values.shape[2:]
    flat = np.asarray(values, dtype=float).ravel()
    if not np.isfinite(flat).all():
        raise ModelError(f"from_draws: {name!r} expected finite draws")
    if constraint in ("real", "vector", "bound"):
        return node_class(FAMILIES["Normal"])(name, flat.mean(), _precision(flat), size=shape or None)
    if constraint in ("positive", "nonnegative", "positive vector") and (flat > 0).all():
        logs = np.log(flat)
        return node_class(FAMILIES["Lognormal"])(name, logs.mean(), _precision(logs), size=shape or None)
    if constraint == "probability":
        return node_class(FAMILIES["Uniform"])(name, 0.0, 1.0, size=shape or None)
    if constraint == "simplex":
        return node_class(FAMILIES["Dirichlet"])(name, np.ones(shape[-1]), size=shape[:-1] or None)
    if constraint == "positive definite" and len(shape) >= 2:
        matrices = np.asarray(values, dtype=float).reshape(-1, *shape[-2:])
        d = shape[-1]
        return node_class(FAMILIES["Wishart"])(
            name, d, d * np.linalg.inv(matrices.mean(axis=0)), size=shape[:-2] or None
        )
    if constraint in ("positive", "nonnegative", "positive vector"):
        raise ModelError(f"from_draws: {name!r} as {key!r} expected positive values, got some down to {flat.min():.4g}")
    raise ModelError(
        f"from_draws: {name!r} as {key!r} ({constraint}) is not served; write the model and use its MCMC(...).read"
    )


def _precision(values: np.ndarray) -> float:
    return float(1.0 / (WIDE * max(values.std(), 1e-3 * (1.0 + abs(values.mean())))) ** 2)


def _numbers(key: str, given: Any) -> np.ndarray:
    try:
        numbers = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"from_draws: {key} expected a name or numbers, got {given!r}") from error
    if not np.isfinite(numbers).all():
        raise ModelError(f"from_draws: {key} expected finite numbers, got {given!r}")
    return numbers


__all__ = ["model_and_draws", "posterior_of"]

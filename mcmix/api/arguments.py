"""Checks of what users pass to the sampler: each says what was expected and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.node import Node


def checked_lengths(iterations: float, burn: float, thin: float) -> tuple[int, int, int]:
    """Whole numbers, or a refusal that says what was expected."""
    n, b, t = (_floored(v, name) for v, name in ((iterations, "iter"), (burn, "burn"), (thin, "thin")))
    if n <= 0:
        raise ModelError(f"sample: iter expected a positive number, got {iterations}")
    if not 0 <= b < n:
        raise ModelError(f"sample: burn expected 0 <= burn < iter = {n}, got {burn}")
    if t < 1:
        raise ModelError(f"sample: thin expected at least 1, got {thin}")
    if (n - b) // t < 1:
        raise ModelError(f"sample: nothing would be kept of {n} sweeps after burn = {b} with thin = {t}")
    return n, b, t


def listed(variables: Sequence[Any] | str | Node) -> list[Any]:
    """One name or several, as a list."""
    return [variables] if isinstance(variables, (str, Node)) else list(variables)


def at_least_one(value: Any, name: str, what: str = "sample") -> int:
    """A whole number of at least one, or a refusal that names the keyword."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ModelError(f"{what}: {name} expected a whole number of at least 1, got {value!r}")


def sequence_from(seed: Any, what: str = "sample") -> np.random.SeedSequence:
    """A seed as NumPy takes it, or a refusal."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    try:
        return np.random.SeedSequence(seed)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{what}: seed expected a whole number of at least 0, got {seed!r}") from error


def checked_sampler(m: Any, what: str) -> None:
    """Refuse what is no sampler."""
    if not (hasattr(m, "assembled") and hasattr(m, "draws")):
        way = (
            "; put the draws into a sampler of their model with mc.MCMC(model).read(draws), or have one made for them "
            "by mc.from_draws(draws, vars=...)"
        )
        raise ModelError(f"{what}: expected an MCMC object, got {type(m).__name__}{way if may_hold_draws(m) else ''}")


def may_hold_draws(given: Any) -> bool:
    """Whether it is a path, a mapping or an object of ArviZ or xarray: what draws come in without their model."""
    return isinstance(given, (str, Path, Mapping)) or hasattr(given, "data_vars") or hasattr(given, "groups")


ROLES = {
    "labels": "name of the labels, one for each unit",
    "components": "names of the variables whose first axis is the component; with 'distribution', the distribution's "
    "parameters in its "
    "order or by name, numbers allowed",
    "weights": "name of the weights, or K numbers",
    "distribution": "distribution of a row given its component, such as mc.Normal",
    "data": "rows that the labels part, or the name that they have among the observed data",
    "n_components": "number of components, where nothing else says it",
    "first_label": "0 or 1: the label of the first component, where the labels themselves do not show it",
}  # what vars= may say of draws from elsewhere
_OLD_ROLES: dict[Any, str] = {"law": "distribution"}  # what it was called, for one release


def roles_from(vars: Any, what: str) -> dict[str, Any]:
    """What variables of draws from elsewhere are, as a mapping, or a refusal that lists what can be said."""
    if vars is None:
        return {}
    if not isinstance(vars, Mapping):
        raise ModelError(f"{what}: vars= expected a mapping such as {{'labels': 'z'}}, got {vars!r}")
    given: dict[Any, Any] = {_OLD_ROLES.get(key, key): value for key, value in vars.items()}
    unknown = [key for key in given if key not in ROLES]
    if unknown:
        known = "; ".join(f"{key!r}: {meaning}" for key, meaning in ROLES.items())
        raise ModelError(f"{what}: vars= expected keys among those below, got {unknown}. {known}")
    return given


MOST_SWEEPS = 2**53  # whole numbers that a double counts; years of sweeps


def _floored(value: Any, name: str) -> int:
    """A single finite number, floored as PyMC 2 did; of a thinning, the sweeps between two draws, none is left over."""
    array = np.asarray(None if isinstance(value, (bool, str, bytes)) else value)
    number = array.reshape(()).item() if array.size == 1 else None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < MOST_SWEEPS:
        most = f" below {MOST_SWEEPS:.0e}" if isinstance(number, int) and not isinstance(number, bool) else ""
        raise ModelError(f"sample: {name} expected a single number{most}, got {value!r}")
    if name == "thin" and number != int(number):
        raise ModelError(f"sample: thin expected a whole number, got {value!r}")
    return int(np.floor(number))


def checked_budget(value: Any) -> int:
    """Bytes, or a refusal."""
    if isinstance(value, (int, float, np.integer)) and not isinstance(value, bool) and value >= 0:
        return int(min(value, 2**62))
    raise ModelError(
        "MCMC: label_budget expected a number of bytes, at least 0 (0 keeps no labels, float('inf') all), got "
        f"{value!r}"
    )


def checked_flag(value: Any, name: str) -> bool:
    """A keyword that is True or False.

    Raises
    ------
    ModelError
        If it is something else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ModelError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def checked_names(value: Any) -> tuple[str, ...]:
    """Names, or nodes that have them, as names."""
    listed = [value] if isinstance(value, (str, Node)) else value
    if isinstance(listed, (list, tuple, set, frozenset)) and all(isinstance(n, (str, Node)) for n in listed):
        return tuple(n.name if isinstance(n, Node) else n for n in listed)
    raise ModelError(f"MCMC: trace expected names of deterministics, got {value!r}")


def checked_start(value: Any) -> Mapping[Any, Any]:
    """Start values by node or name."""
    if value is None or hasattr(value, "items"):  # a VB has them too
        return {} if value is None else value
    raise ModelError(f"sample: start expected a mapping of nodes or names to values, {{'mu': 1.0}}, got {value!r}")

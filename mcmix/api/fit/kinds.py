"""What a column of a table holds, and which distributions come into question for it. A new kind is a row below."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcmix.api.fit.families import is_binary, is_whole

ANGLE_NAMES = re.compile(
    r"(^|[^a-z])(angles?|directions?|dir|bearings?|headings?|azimuths?|phases?|orientations?|aspect|deg|degrees?|rad|"
    r"radians?|longitudes?|lon)([^a-z]|$)"
)
ID_NAMES = re.compile(r"(^|[^a-z])(id|ids|identifier|key|uuid|index|number|no|nr|row|code)([^a-z]|$)")
FULL = 360.0
FEW_VALUES = 20  # whole numbers that take more different values may be measurements that were rounded
MOST_MISSING = 0.9  # of a column that nobody asked for by name


@dataclass(frozen=True)
class Kind:
    """What numbers of a column are.

    Attributes
    ----------
    words : str
        In a sentence: "the column holds ...".
    is_it : callable
        From a column's name and its numbers, none missing.
    candidates : callable
        From the numbers: distributions that come into question, the most usual first.
    """

    words: str
    is_it: Callable[[str, np.ndarray], bool]
    candidates: Callable[[np.ndarray], list[str]]


def _is_angle(name: str, x: np.ndarray) -> bool:
    named = ANGLE_NAMES.search(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()) is not None
    return named and bool((np.abs(x) <= FULL).all()) and np.ptp(x) <= FULL


def _counts(x: np.ndarray) -> list[str]:
    found = ["poisson", "negative-binomial"]
    if (x == 0).any():
        return [*found, "zero-inflated-poisson", "zero-inflated-negative-binomial"]
    rounded = np.unique(x).size > FEW_VALUES  # measurements, such as ages in years
    return ["normal", "lognormal", *found] if rounded else found


_REAL = ["normal", "student-t", "skew-normal", "laplace", "logistic"]
_POSITIVE = ["normal", "lognormal", "gamma", "weibull", "exponential", "half-normal"]
KINDS = {
    "items": Kind("0 and 1 alone (yes/no items)", lambda _, x: is_binary(x), lambda x: ["bernoulli"]),
    "angles": Kind("angles", _is_angle, lambda x: ["von-mises"]),
    "counts": Kind("counts (whole numbers from 0)", lambda _, x: is_whole(x), _counts),
    "proportions": Kind(
        "proportions (between 0 and 1)", lambda _, x: bool(((x > 0) & (x < 1)).all()), lambda x: ["beta", "normal"]
    ),
    "positive": Kind("positive numbers", lambda _, x: bool((x > 0).all()), lambda x: list(_POSITIVE)),
    "numbers": Kind("numbers of either sign or exact zeros", lambda *_: True, lambda x: list(_REAL)),
}


def kind_of(name: str, x: np.ndarray) -> str:
    """The kind of a column's numbers, of which none is missing.

    Examples
    --------
    >>> kind_of("items", np.array([0.0, 1.0, 1.0])), kind_of("wind_direction", np.array([10.0, 350.0]))
    ('items', 'angles')
    >>> kind_of("visits", np.array([0.0, 3.0])), kind_of("weight", np.array([10.5, 350.0]))
    ('counts', 'positive')
    """
    return next(kind for kind, row in KINDS.items() if row.is_it(name, x))


def unit_of(x: np.ndarray, asked: str) -> str:
    """Whether angles are degrees or radians: what was asked for, else degrees where they do not fit radians."""
    if asked != "auto":
        return asked
    return "degrees" if np.abs(x).max() > 2 * np.pi + 1e-6 else "radians"


def said_of(kind: str, x: np.ndarray, unit: str) -> str:
    """What a column's numbers are, with what tells.

    Examples
    --------
    >>> said_of("counts", np.array([0.0, 0.0, 3.0, 9.0]), "")
    'counts (whole numbers from 0), variance 4.5 times the mean, 50 % zeros'
    """
    words = KINDS[kind].words
    if kind == "counts":
        ratio = x.var() / x.mean() if x.mean() > 0 else 0.0
        return f"{words}, variance {ratio:.2g} times the mean, {(x == 0).mean():.0%} zeros".replace("%", " %")
    if kind == "angles":
        return f"{words} in {unit} ({x.min():g} to {x.max():g})"
    return words


def is_identifier(name: str, x: np.ndarray, missing: int) -> bool:
    """Whether whole numbers name rows instead of measuring something: all different, counting up or so called."""
    if missing or x.size < 3 or not np.array_equal(x, np.round(x)) or np.unique(x).size < x.size:
        return False
    counting = bool((np.diff(np.sort(x)) == 1).all())
    return counting or ID_NAMES.search(name.lower()) is not None


__all__ = ["KINDS", "is_identifier", "kind_of", "said_of", "unit_of"]

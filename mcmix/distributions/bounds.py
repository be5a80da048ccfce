"""What distributions with a lower and an upper bound share: parameters, masses between them, draws by inversion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter

# Steps of a bisection over all doubles in their order: there are fewer than 2**64.
HALVINGS = 64

LITTLE = np.log(1e-3)  # share of a tail between bounds below which masses are not subtracted
LEGENDRE = np.polynomial.legendre.leggauss(3)

SMALLEST_SHARE = 2.0**-54  # of the mass between bounds: at 0, an infinite bound itself would be the answer

BOUNDS = (Parameter("lower", "bound", default=-np.inf), Parameter("upper", "bound", default=np.inf))


def renamed(name: str) -> str:
    """A parameter's name beside bounds: a uniform distribution's ends are other things than the bounds around it."""
    return f"distribution_{name}" if name in ("lower", "upper") else name


def with_bounds(family: Family) -> tuple[Parameter, ...]:
    """The parameters of a distribution, then the bounds."""
    own = [Parameter(renamed(p.name), p.constraint, p.alias, p.default) for p in family.parameters]
    return (*own, *BOUNDS)


def known(value: Any) -> Any:
    """A symbolic constant as the array that it is; everything else as it is."""
    return value.known if getattr(value, "is_constant", False) else value


def is_beyond(bound: Any, end: float | str, side: float) -> bool:
    """Whether a bound is known to lie nowhere inside the support (side -1: at or below its lower end, 1: above)."""
    limit = side * np.inf if isinstance(end, str) else end
    plain = isinstance(bound, (np.ndarray, np.generic, float, int))
    return plain and bool(np.all(side * np.asarray(bound, dtype=float) >= side * limit))


def just_below(family: Family, lower: Any) -> Any:
    """What X must exceed to be at least `lower`: the number before it for counts, and for point masses."""
    for point in family.support.atoms:
        lower = np.where(np.equal(lower, point), np.nextafter(point, -np.inf), lower)
    return np.ceil(lower) - 1.0 if family.support.discrete else lower


def log_one_minus_exp(value: Any) -> Any:
    """log(1 - exp(value)) for value <= 0 (Maechler 2012); arrays or symbolic values."""
    return np.where(np.greater(value, -np.log(2.0)), np.log(-np.expm1(value)), np.log1p(-np.exp(value)))


def log_mass_between(family: Family, parameters: tuple[Any, ...], lower: Any, upper: Any) -> Any:
    """Log of P(lower <= X <= upper), from whichever tail is smaller; arrays or symbolic values.

    From the left it is log F(upper) + log(1 - F(lower) / F(upper)), from the right the same with survival functions.
    The difference of two masses has the rounding of the larger one, so the side where that is smaller is taken; where
    bounds are so close that both masses are nearly the same, only a family's own function keeps all digits.
    """
    below = just_below(family, lower)
    if is_beyond(known(lower), family.support.lower, -1.0):
        return family.cumulative.log_density(upper, *parameters)
    if is_beyond(known(upper), family.support.upper, 1.0):
        return family.survival.log_density(below, *parameters)
    if family.scalar_log_interval is not None:
        return family.interval.log_density(lower, *parameters, upper)
    up_to_lower, up_to_upper = (family.cumulative.log_density(end, *parameters) for end in (below, upper))
    above_lower, above_upper = (family.survival.log_density(end, *parameters) for end in (below, upper))
    from_left = up_to_upper + log_one_minus_exp(up_to_lower - up_to_upper)
    from_right = above_lower + log_one_minus_exp(above_upper - above_lower)
    return np.where(np.less(up_to_upper, above_lower), from_left, from_right)


def log_mass_of_bin(family: Family, parameters: tuple[Any, ...], lower: Any, upper: Any) -> Any:
    """Log of P(lower <= X <= upper), exact and with derivatives for narrow bins too; arrays or symbolic values.

    By the family's own function. Without one, masses below the two bounds are subtracted; where that leaves less than a
    thousandth of them, three points of Gauss and Legendre's rule are exact to 1e-12 instead, as the density hardly
    changes there.
    """
    with np.errstate(all="ignore"):
        if family.scalar_log_interval is not None:
            return family.bin.log_density(lower, *parameters, upper)
        mass = log_mass_between(family, parameters, lower, upper)
        if family.smooth is None:
            return mass
        tail = np.minimum(
            family.cumulative.log_density(upper, *parameters), family.survival.log_density(lower, *parameters)
        )
        finite = np.logical_and(np.greater(lower, -np.inf), np.less(upper, np.inf))
        narrow = np.logical_and(finite, np.less(mass - tail, LITTLE))
        return np.where(narrow, _by_quadrature(family, parameters, lower, upper, finite), mass)


def _by_quadrature(family: Family, parameters: tuple[Any, ...], lower: Any, upper: Any, finite: Any) -> Any:
    start, width = np.where(finite, lower, 0.0), np.where(finite, upper - lower, 1.0)
    logs = [
        np.log(0.5 * part) + family.log_density(start + 0.5 * (1.0 + place) * width, *parameters)
        for place, part in zip(*LEGENDRE, strict=True)
    ]
    return np.log(width) + np.logaddexp(np.logaddexp(logs[0], logs[1]), logs[2])


def draw_between(
    family: Family, rng: np.random.Generator, size: Any, parameters: tuple[Any, ...], lower: Any, upper: Any
) -> np.ndarray:
    """Draws given that they lie between bounds, by inversion on the log scale in the smaller tail.

    Exact to the last bits of a double however far out the bounds are; for counts the answers are whole numbers.
    """
    columns = [np.asarray(v, dtype=float) for v in (*parameters, lower, upper)]
    shape = np.broadcast_shapes(*[c.shape for c in columns]) if size is None else size
    uniform = np.maximum(rng.random(shape), SMALLEST_SHARE)
    *own, low, high = [np.broadcast_to(c, uniform.shape) for c in columns]
    below = just_below(family, low)
    with np.errstate(all="ignore"):
        up_to_lower, up_to_upper = (family.cumulative.logpdf(end, *own) for end in (below, high))
        above_lower, above_upper = (family.survival.logpdf(end, *own) for end in (below, high))
        left = up_to_upper < above_lower
        # a uniform share of the mass between the bounds, counted from the far end of the smaller tail
        level = np.where(
            left,
            up_to_upper + np.log1p(uniform * np.expm1(up_to_lower - up_to_upper)),
            above_lower + np.log1p(uniform * np.expm1(above_upper - above_lower)),
        )

        def reached(x: np.ndarray) -> np.ndarray:
            if left.all():
                return family.cumulative.logpdf(x, *own) >= level
            from_right = family.survival.logpdf(x, *own) <= level
            return np.where(left, family.cumulative.logpdf(x, *own) >= level, from_right) if left.any() else from_right

        return np.clip(first_reached(reached, below, high), low, high)


def first_reached(reached: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The smallest doubles in (low, high] from which on a condition holds; `high` where it never does.

    Parameters
    ----------
    reached : callable
        Array -> bool array, False then True along each entry.
    low, high : ndarray
        May be infinite.
    """
    before, after = in_order(low), in_order(high)
    for _ in range(HALVINGS):
        middle = (before & after) + ((before ^ after) >> 1)  # the average, rounded down, without overflow
        found = reached(from_order(middle))
        before, after = np.where(found, before, middle), np.where(found, middle, after)
    return from_order(after)


def in_order(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the order of the doubles: their bits, those of negative numbers turned around."""
    bits = np.asarray(values, dtype=float, order="C").view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def from_order(numbers: np.ndarray) -> np.ndarray:
    """The doubles that stand at these places of the order."""
    bits = np.where(numbers < 0, np.int64(-(2**63)) - numbers, numbers)
    return np.asarray(bits, order="C").view(np.float64)

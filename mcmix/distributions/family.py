"""What a family of distributions tells the rest of the house. One family, one file, one object of this class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from mcmix.kernels.base import AddressedKernel
from mcmix.kernels.densities import at_one_point, density_kernel, elementwise, shifted_density_kernel
from mcmix.kernels.events import event_densities, event_kernel


@dataclass(frozen=True)
class Parameter:
    """One canonical parameter of a family.

    Parameters
    ----------
    name : str
        Whole word, e.g. ``precision``.
    constraint : {"real", "positive", "nonnegative", "probability", "simplex", "count", "positive vector", "bound", \
        "vector", "positive definite", "lower factor"}
        What is checked at the border where the value is known; kernels return minus infinity where it is broken. A
        "bound" is a real number or infinite.
    alias : str, optional
        PyMC 2's keyword for it (``tau``).
    default : float, optional
    """

    name: str
    constraint: str
    alias: str | None = None
    default: float | None = None

    @property
    def event_ndim(self) -> int:
        """Axes of one value of it."""
        return EVENT_NDIM.get(self.constraint, 0)


@dataclass(frozen=True)
class Alternative:
    """Another usual parameter that replaces a canonical one (``sigma`` for ``precision``).

    Parameters
    ----------
    replaces : str
        Canonical name.
    convert : callable
        (value, others) -> canonical value, with `others` the other canonical parameters by name. Only operators and
        NumPy functions, so that it works on numbers, arrays, model nodes and symbolic expressions alike.
    """

    replaces: str
    convert: Callable[[Any, Mapping[str, Any]], Any]
    constraint: str = "positive"


@dataclass(frozen=True)
class Support:
    """Where a family puts its mass: the range of one element, from constants or parameters by name (closed).

    Of a `circular` one the two ends, both constants, are one point: whatever asks whether a variable is an angle asks
    here (:attr:`mcmix.nodes.stochastic.Stochastic.is_circular`).

    At `atoms` a continuous family has masses beside its density elsewhere: what is called its density is that by the
    base measure of length and of one at each of these points. Densities by different base measures cannot be compared.
    """

    lower: float | str = -np.inf
    upper: float | str = np.inf
    discrete: bool = False
    simplex: bool = False
    positive_definite: bool = False
    correlation: bool = False
    circular: bool = False
    atoms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column of the sufficient statistic T(y): a function of the data, summed, and its square too if asked.

    Sums are taken about a fixed shift of the column; `shifted=False` pins that shift to zero (for counts and other
    columns whose plain sum is wanted).
    """

    transform: Callable[[np.ndarray], np.ndarray]
    square: bool = False
    shifted: bool = True


@dataclass(frozen=True)
class Message:
    """What a child tells the parameter it depends on, as natural parameters of a known kind.

    Parameters
    ----------
    kind : {"normal", "gamma", "beta", "dirichlet", "vector", "wishart", "inverse wishart"}
        With v the value of the parameter, the likelihood as a function of v is proportional to
        normal: exp(-first v**2 / 2 + second v); gamma: v**first exp(-second v); beta: v**first (1 - v)**second;
        dirichlet: the product of v_k**first_k (second is unused, None); vector: exp(-v' first v / 2 + second' v);
        wishart: |v|**first exp(-tr(second v) / 2);
        inverse wishart: |v|**-first exp(-tr(second v**-1) / 2).
    natural : callable
        (sums, parameters) -> (first, second). `sums` is a :class:`Sums`, `parameters` maps canonical names to values
        (the entry of the target itself must not be read). Operators and NumPy functions only.
    where : mapping of str to float
        Values that other parameters must have for the likelihood to be of that kind.
    """

    kind: str
    natural: Callable[[Sums, Mapping[str, Any]], tuple[Any, Any]]
    where: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sums:
    """Additive statistics of the rows that share one set of parameters; entries may be arrays or symbolic.

    Attributes
    ----------
    n : count of rows.
    sums : sum of (column - shift) for each column.
    squares : sum of (column - shift)**2 for each column that asks for it, else None.
    shifts : the fixed shift of each column.
    alone : whether each row is a sample of its own, and its own shift: sums and squares about it are nothing.
    """

    n: Any
    sums: tuple[Any, ...]
    squares: tuple[Any, ...]
    shifts: tuple[Any, ...]
    alone: bool = False

    def total(self, j: int) -> Any:
        """Plain sum of column j."""
        about_zero = self.n * self.shifts[j]
        return about_zero if self.alone else self.sums[j] + about_zero

    def squared_distance(self, j: int, centre: Any) -> Any:
        """Sum of (column j - centre)**2; never below zero, where rounding may put rows that all sit on the centre."""
        distance = centre - self.shifts[j]
        if self.alone:
            return self.n * distance * distance
        squares = self.squares[j] - 2.0 * distance * self.sums[j] + self.n * distance * distance
        return np.maximum(squares, 0.0)


@dataclass(frozen=True)
class Statistics:
    """Finite sufficient statistics of a family, and what follows from them.

    Parameters
    ----------
    columns : tuple of Column
    log_likelihood : callable
        (sums, parameters) -> sum of log densities of the rows, up to a term that depends on the data alone (that
        term is `Family.base`, summed). Operators, NumPy functions and scipy.special ufuncs (gammaln) only.
    messages : mapping
        Canonical parameter name -> :class:`Message`, for parameters with a conjugate prior.
    known : tuple of str
        Parameters that must be known numbers, the same for all rows, for the sums to be sufficient.
    """

    columns: tuple[Column, ...]
    log_likelihood: Callable[[Sums, Mapping[str, Any]], Any]
    messages: Mapping[str, Message] = field(default_factory=dict)
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """The log density of vectors and matrices, for kernels.

    Attributes
    ----------
    prepare, logpdf : callable
        As :mod:`mcmix.kernels.events` takes them.
    """

    prepare: Callable[..., None]
    logpdf: Callable[..., float]


EVENT_NDIM = {"simplex": 1, "positive vector": 1, "vector": 1, "positive definite": 2, "lower factor": 2}

KNOWN: dict[str, Family] = {}  # by name: the table enters all of its families


def named(name: str) -> Family:
    """The family of the table with this name."""
    return KNOWN[name]


@dataclass(frozen=True, eq=False)
class Family:
    """A family of distributions.

    Parameters
    ----------
    name : str
        As users write it, ``Normal``.
    parameters : tuple of Parameter
        In PyMC 2's positional order.
    support : Support
    draw : callable
        (rng, size, *parameters) -> array; parameters broadcast against `size` (event axis last where there is one).
    scalar_logpdf : callable, optional
        Plain scalar function (x, *parameters) -> float that numba can compile; includes every constant; minus infinity
        outside the support or where a parameter breaks its constraint. Absent for families with vector parameters,
        which give `expression` instead.
    score : callable, optional
        (x, *parameters) -> derivatives of the log density by x (0 for counts) and by each parameter, inside the
        support; written with NumPy functions and scipy.special ufuncs on arrays or symbolic values.
    smooth : {"line", "log", "logit"}, optional
        On which scale of x the log density has no kinks inside the support, whatever the parameters.
    scalar_log_cdf, scalar_log_survival : callable, optional
        Plain scalar functions (x, *parameters) -> log P(X <= x) and log P(X > x) that numba can compile, for any real
        or infinite x; minus infinity where a parameter breaks its constraint.
    scalar_log_interval : callable, optional
        Plain scalar function (lower, *parameters, upper) -> log P(lower <= X <= upper), exact for narrow intervals, of
        continuous families with two parameters at most.
    flow : callable, optional
        (x, *parameters) -> by how much the quantile at x moves with each parameter, dx / dparameter at a fixed
        probability: what masses between bounds need to be differentiated. On arrays or symbolic values.
    expression : callable, optional
        (x, *parameters) -> log density of each event, written with NumPy functions on arrays or symbolic values.
    event : Event, optional
        Of families with vector or matrix parameters whose density is no elementwise expression.
    vectors : int, optional
        Of distributions of vectors that the pass over the data knows: how their matrix is given (names in
        :mod:`mcmix.kernels.vectors`).
    check : callable, optional
        What a single parameter's constraint cannot say: {name: known value} -> complaint, or None.
    check_value : callable, optional
        What the support cannot say of a value: (value, {name: known value}) -> complaint, or None.
    base : callable, optional
        x -> the part of the log density that depends on the data alone and is costly (log x!); the statistics'
        log likelihood leaves it out.
    values : callable, optional
        Of discrete families with finitely many values: (shapes of the parameters by name, distinct entries of known
        ones) -> the values, ascending and one apart, or None where they are not known.
    alternatives : mapping of str to Alternative
    statistics : Statistics, optional
    dtype : type
        float, int or bool.
    event_ndim : int
        0 for scalars, 1 for vectors such as a Dirichlet's.
    dimension : str, optional
        The parameter, a known whole number, that says how long an event's axes are, where no parameter has these axes.
    summary : str
        One sentence, density formula and scale of each parameter; becomes part of the class's docstring.
    """

    name: str
    parameters: tuple[Parameter, ...]
    support: Support
    draw: Callable[..., np.ndarray]
    scalar_logpdf: Callable[..., float] | None = None
    score: Callable[..., tuple[Any, ...]] | None = None
    smooth: str | None = None
    scalar_log_cdf: Callable[..., float] | None = None
    scalar_log_survival: Callable[..., float] | None = None
    scalar_log_interval: Callable[..., float] | None = None
    flow: Callable[..., tuple[Any, ...]] | None = None
    expression: Callable[..., Any] | None = None
    event: Event | None = None
    vectors: int | None = None
    check: Callable[[Mapping[str, np.ndarray]], str | None] | None = None
    check_value: Callable[[np.ndarray, Mapping[str, np.ndarray]], str | None] | None = None
    base: Callable[[np.ndarray], np.ndarray] | None = None
    values: Callable[[Mapping[str, tuple[int, ...]], Mapping[str, np.ndarray]], np.ndarray | None] | None = None
    alternatives: Mapping[str, Alternative] = field(default_factory=dict)
    statistics: Statistics | None = None
    dtype: type = float
    event_ndim: int = 0
    dimension: str | None = None
    summary: str = ""

    def made_by(self, maker: Callable[..., Family], *arguments: Any) -> Any:
        """Itself; a copy is made by calling the maker again, with copies of the arguments."""
        object.__setattr__(self, "_maker", (maker, arguments))
        return self

    def __reduce__(self) -> Any:
        """Families are one each: a copy is looked up by name, or made again."""
        own = self.__dict__.get("_maker")
        return own if own is not None else (named, (self.name,))

    def __repr__(self) -> str:
        return f"<family {self.name}({', '.join(p.name for p in self.parameters)})>"

    @cached_property
    def density(self) -> AddressedKernel:
        """The kernel that adds log densities; compiled when its address is first asked for."""
        if self.scalar_logpdf is None:
            raise TypeError(f"{self.name} has vector parameters and no elementwise kernel")
        return density_kernel(self.name, self.scalar_logpdf, len(self.parameters))

    @cached_property
    def shifted_density(self) -> AddressedKernel:
        """The same for rows whose first parameter goes by row while all others are shared."""
        if self.scalar_logpdf is None or len(self.parameters) < 2:
            raise TypeError(f"{self.name} has no first parameter beside others")
        return shifted_density_kernel(self.name, self.scalar_logpdf, len(self.parameters))

    @cached_property
    def cumulative(self) -> Family:
        """Stand-in whose "log density" at x is log P(X <= x), so that it goes wherever a log density goes."""
        return self._standing_in("cumulative", self.scalar_log_cdf)

    @cached_property
    def survival(self) -> Family:
        """Stand-in whose "log density" at x is log P(X > x)."""
        return self._standing_in("survival", self.scalar_log_survival)

    @cached_property
    def interval(self) -> Family:
        """Stand-in with an upper bound as its last parameter, whose "log density" at x is log P(x <= X <= upper)."""
        bounded = replace(self, parameters=(*self.parameters, Parameter("upper", "bound")))
        return bounded._standing_in("interval", self.scalar_log_interval)

    @cached_property
    def bin(self) -> Family:
        """As `interval`, with derivatives by the bounds and, where `flow` is known, by the parameters."""
        return replace(self.interval, name=f"{self.name} bin", score=None if self.flow is None else self._bin_score)

    def _bin_score(self, lower: Any, *given: Any) -> tuple[Any, ...]:
        """Derivatives of log P(lower <= X <= upper): densities at the bounds over that mass, times what moves there."""
        *own, upper = given
        mass = self.bin.log_density(lower, *own, upper)
        (left, left_moves), (right, right_moves) = (self._at_bound(end, own, mass) for end in (lower, upper))
        by_parameter = (left * a - right * b for a, b in zip(left_moves, right_moves, strict=True))
        return -left, *by_parameter, right

    def _at_bound(self, end: Any, own: Sequence[Any], mass: Any) -> tuple[Any, tuple[Any, ...]]:
        """Density over mass at a bound, nothing where that is no place inside the support; how its quantile moves."""
        assert self.flow is not None
        inside = np.logical_and(np.greater(end, self.support.lower), np.less(end, self.support.upper))
        place = np.where(inside, end, 0.5)
        return np.where(inside, np.exp(self.log_density(place, *own) - mass), 0.0), self.flow(place, *own)

    @property
    def is_cumulative(self) -> bool:
        """Whether it knows P(X <= x) and P(X > x)."""
        return self.scalar_log_cdf is not None and self.scalar_log_survival is not None

    @cached_property
    def event_density(self) -> AddressedKernel:
        """The kernel that adds log densities of vectors or matrices; compiled when its address is first asked for."""
        if self.event is None:
            raise TypeError(f"{self.name} has no density of events")
        return event_kernel(self.name, self.event.prepare, self.event.logpdf)

    def batch_shape(self, x_shape: tuple[int, ...], parameter_shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Shape of the log density: what is left of value and parameters without their event axes."""
        shapes = [s[: len(s) - p.event_ndim] for s, p in zip(parameter_shapes, self.parameters, strict=True)]
        return np.broadcast_shapes(x_shape[: len(x_shape) - self.event_ndim], *shapes)

    def _event_logpdf(self, x: np.ndarray, parameters: list[np.ndarray]) -> np.ndarray:
        event = x.shape[x.ndim - self.event_ndim :]
        batch = self.batch_shape(x.shape, [p.shape for p in parameters])
        flat = []
        for value, p in zip(parameters, self.parameters, strict=True):
            own = value.shape[value.ndim - p.event_ndim :]
            size = int(np.prod(own, dtype=int))
            shared = value.size == size
            wide = value if shared else np.broadcast_to(value, (*batch, *own))
            flat.append(np.ascontiguousarray(wide).reshape(-1 if shared else (-1, size)))
        rows = np.ascontiguousarray(np.broadcast_to(x, (*batch, *event)))
        size = int(np.prod(event, dtype=int))
        return event_densities(self.event_density, rows.reshape(-1), flat, event[-1], size).reshape(batch)

    def _standing_in(self, what: str, scalar: Callable[..., float] | None) -> Family:
        if scalar is None:
            raise TypeError(f"{self.name} has no {what} function here")
        return replace(
            self,
            name=f"{self.name} {what}",
            scalar_logpdf=scalar,
            score=None,
            smooth=None,
            scalar_log_cdf=None,
            scalar_log_survival=None,
            scalar_log_interval=None,
            base=None,
            values=None,
            statistics=None,
        )

    def log_density(self, x: Any, *parameters: Any) -> Any:
        """Log density of each event: an array for plain arrays, symbolic where an argument is.

        A symbolic argument says itself how a density is recorded, by its method ``_density_of``.
        """
        if self.expression is not None:
            return self.expression(x, *parameters)
        for value in (x, *parameters):
            record = getattr(value, "_density_of", None)
            if record is not None:
                return record(self, x, parameters)
        return self.logpdf(x, *parameters)

    def logpdf_at(self, *numbers: float) -> float:
        """Log density at one value x and plain parameters, of families of single numbers: quick, and as `logpdf`."""
        return at_one_point(self.density, numbers)

    def logpdf(self, x: Any, *parameters: Any) -> np.ndarray:
        """Log density (or log mass) of each event, broadcast over x and the parameters.

        Returns
        -------
        ndarray
            Minus infinity outside the support.
        """
        if self.expression is not None:
            return np.asarray(self.expression(np.asarray(x), *[np.asarray(p, float) for p in parameters]))
        if self.event is not None:
            return self._event_logpdf(np.asarray(x, float), [np.asarray(p, float) for p in parameters])
        columns = np.broadcast_arrays(*[np.asarray(v, float) for v in (x, *parameters)])
        flat = [np.ascontiguousarray(column).reshape(-1) for column in columns]
        return elementwise(self.density, flat).reshape(columns[0].shape)

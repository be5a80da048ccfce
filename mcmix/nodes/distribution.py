"""Random nodes whose distribution is a known family: shapes, checks."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from mcmix.distributions.family import KNOWN, Family, Parameter
from mcmix.errors import ModelError, SupportError
from mcmix.nodes.axes import axes_from, check_axes, size_from
from mcmix.nodes.component import Component
from mcmix.nodes.constraints import _where_apart, as_array, check_constraint
from mcmix.nodes.documented import documentation
from mcmix.nodes.missing import missing_entries, without_missing
from mcmix.nodes.names import columns_of, names_of, one_column
from mcmix.nodes.node import Node, holds_nodes, shape_of, short, value_of
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.positions import parents_of
from mcmix.nodes.room import room_in
from mcmix.nodes.row_weights import checked_powers
from mcmix.nodes.stochastic import Stochastic, refuse_non_finite
from mcmix.nodes.symmetric import with_all_concentrations

LARGEST = 10**12  # elements of one node: more have no room in any memory


class Distribution(Stochastic):
    """A random variable with a known family. Use its subclasses: ``Normal("mu", 0, 1, size=2)``.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Normal("x", 0.0, sigma=2.0, size=3)
    >>> isinstance(x, mc.Distribution), x.shape, sorted(x.parents)
    (True, (3,), ['mean', 'precision'])
    """

    family: Family

    @property
    def _may_be_incomplete(self) -> bool:
        """Whether some coordinates of an event may be unknown."""
        return not (self.family.support.simplex or self.family.support.discrete)

    def __new__(cls, *given: Any, **keywords: Any) -> Any:
        """Itself, or weights of an unknown number of components: a Dirichlet distribution of such a size."""
        size: Any = keywords.get("size", keywords.get("plates"))
        if not hasattr(size, "weights_or_none") or cls.__dict__.get("family") is not KNOWN["Dirichlet"]:
            return super().__new__(cls)
        weights = size.weights_or_none(*given, **{k: v for k, v in keywords.items() if k not in ("size", "plates")})
        return super().__new__(cls) if weights is None else weights

    def __init__(
        self,
        name: str,
        *positional: Any,
        value: Any = None,
        observed: bool = False,
        size: Any = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        plates: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: Any = None,
        verbose: int = -1,
        dims: Any = None,
        coords: Mapping[str, Any] | None = None,
        weights: Any = None,
        **keywords: Any,
    ):
        self.room = room_in(name, size if plates is None else plates, value)
        size, plates = _with_room(size), _with_room(plates)
        parents, size = with_all_concentrations(self.family, parents_of(self.family, name, positional, keywords), size)
        Node.__init__(self, name, parents, doc or "", trace)
        self.axes = axes_from(name, dims, coords)
        self.plot, self.verbose = plot, verbose
        said, value = names_of(value), value if value is None else self._as_numbers(value, size, plates)
        self.event_shape = self._event_shape()
        if size is None and plates is None and value is None:
            size = size_from(self.axes, len(self.event_shape))
        self._shape = self._full_shape(size, plates, value)
        check_axes(name, self.axes, self._shape)
        if 0 in self._shape:
            raise ModelError(f"{name}: expected at least one element, got shape {self._shape}")
        self._check_parameters()
        self._accept(value, observed)
        self._set_up(value, observed, self.family.dtype if dtype is None else dtype)
        self.data_names = said
        if weights is not None:
            self.powers = checked_powers(self, weights)

    @classmethod
    def dist(cls, *parameters: Any, **keywords: Any) -> Any:
        """The distribution with its parameters and without a name: a component for :func:`Mixture`.

        Examples
        --------
        >>> import mcmix as mc
        >>> mc.Normal.dist(0.0, 1.0).family.name
        'Normal'
        """
        return Component(cls.family, parents_of(cls.family, f"{cls.__name__}.dist", parameters, keywords))

    def _accept(self, value: Any, observed: bool) -> None:
        """Refuse data and start values outside the support; missing entries are looked at by nobody."""
        if value is None:
            return
        mask = missing_entries(self.name, value) if observed else None
        if mask is None:
            if observed:
                refuse_non_finite(self.name, value)
            self.check_value(value)
            return
        if self.family.event_ndim and not self._may_be_incomplete:
            raise ModelError(f"{self.name}: expected complete vectors of {self.family.name}, got missing entries")
        known = without_missing(self.name, value, mask)
        refuse_non_finite(self.name, known)
        self.check_value(known, mask)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value: `size`, then the axis of the event where the family has one."""
        return self._shape

    @property
    def size(self) -> int:
        """Number of elements of the value."""
        return int(np.prod(self._shape, dtype=int))

    @property
    def canonical_parents(self) -> dict[str, Any]:
        """The parents by the names that the family has for them."""
        return dict(self.parents)

    def _as_numbers(self, value: Any, size: Any, plates: Any) -> np.ndarray:
        """The value as numbers; a table of one column is that column, unless shapes speak of two axes."""
        array = as_numbers(self.name, value)
        wanted = plates if size is None else size
        flat = not self.family.event_ndim and not (isinstance(wanted, (tuple, list)) and len(wanted) > 1)
        if not flat or columns_of(value) is None or len(self.parameters_shape()) > 1:
            return array
        return one_column(value, array)

    def take_shape(self, shape: tuple[int, ...]) -> None:
        """Have another shape from now on, and no value: how many components there is room for has changed."""
        if shape != self._shape:
            self._shape, self.event_shape = shape, shape[len(shape) - len(self.event_shape) :]
            self.held = self.given = self._value = self.last_value = None
            self._rng = None  # the next value is the same whatever room there was before
            self._count_change()

    # ---------------------------------------------------------------- the distribution

    @property
    def logp_function(self) -> Any:  # type: ignore[override]
        """``logp(value, **parents)``."""
        return self._logp

    @property
    def random_function(self) -> Any:  # type: ignore[override]
        """``random(rng, **parents)``."""
        return self._random

    def _logp(self, value: Any, **parents: Any) -> float:
        logs = self.family.logpdf(value, *[as_array(v) for v in parents.values()])
        return float(np.sum(logs if self.powers is None else logs * self.powers))

    def _random(self, rng: np.random.Generator, **parents: Any) -> np.ndarray:
        parameters = dict(zip(self.canonical_parents, map(as_array, parents.values()), strict=True))
        try:
            return np.asarray(self.family.draw(rng, self._shape, *parameters.values()))
        except ValueError as error:  # NumPy's words name no node (LinAlgError is one of these)
            for p in self.family.parameters:
                check_constraint(self.name, p.name, p.constraint, parameters[p.name])
            complaint = self.family.check(parameters) if self.family.check is not None else None
            raise SupportError(f"{self.name}: {complaint or f'cannot be drawn ({error})'}") from error

    # ---------------------------------------------------------------- shapes

    def _parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter without its event axes."""
        found: dict[str, tuple[int, ...]] = {}
        first: tuple[int, str] | None = None  # the dimension, and the parameter that says it
        for parameter in self.family.parameters:
            shape = shape_of(self.parents[parameter.name])
            axes = parameter.event_ndim
            if len(shape) < axes:
                kind = "a matrix" if axes == 2 else "a vector"
                came = f"shape {shape}" if shape else "a single number"
                raise ModelError(f"{self.name}: {parameter.name} expected {kind}, got {came}")
            if axes and first is None:
                first = shape[-1], parameter.name
            if first is not None and any(n != first[0] for n in shape[len(shape) - axes :]):
                raise ModelError(
                    f"{self.name}: {parameter.name} expected last axes {(first[0],) * axes} to fit {first[1]}, "
                    f"got shape {shape}"
                )
            found[parameter.name] = shape[: len(shape) - axes]
        return found

    def _event_parameter(self) -> Parameter:
        """The parameter that says how long an event is."""
        named, axes = self.family.dimension, self.family.event_ndim
        return next(p for p in self.family.parameters if p.name == named or (named is None and p.event_ndim == axes))

    def _event_shape(self) -> tuple[int, ...]:
        if not self.family.event_ndim:
            return ()
        if self.family.dimension is not None:
            return (self._dimension(self.family.dimension),) * self.family.event_ndim
        shape = shape_of(self.parents[self._event_parameter().name])
        return shape[-1:] * self.family.event_ndim

    def parameters_shape(self) -> tuple[int, ...]:
        """What the parameters' shapes broadcast to, without the axes of an event."""
        return self._broadcast(self._parameter_shapes())

    def _dimension(self, name: str) -> int:
        """How long an event's axes are, from the parameter that says it."""
        given = self.parents[name]
        number = np.asarray(np.nan if holds_nodes(given) else as_array(given), dtype=float)
        if number.size != 1 or not 1 <= number < np.inf or number != np.round(number):
            came = "an unknown" if holds_nodes(given) else short(given)
            raise ModelError(f"{self.name}: {name} expected a known whole number of at least 1, got {came}")
        return int(number.reshape(()))

    def _full_shape(self, size: Any, plates: Any, value: Any) -> tuple[int, ...]:
        shapes = self._parameter_shapes()
        batch = self._broadcast(shapes)
        word = "plates" if size is None else "size"
        if size is not None and plates is not None and self._wanted(size, "size") != self._wanted(plates, "plates"):
            raise ModelError(
                f"{self.name}: size and plates mean the same, expected one of them, got size "
                f"{self._wanted(size, 'size')} and plates {self._wanted(plates, 'plates')}"
            )
        size = plates if size is None else size
        if size is not None:
            batch = self._fit(batch, self._wanted(size, word), word, shapes)
        full = (*batch, *self.event_shape)
        if value is None:
            return full
        given = np.shape(value)
        if size is not None and given != full:
            raise ModelError(f"{self.name}: expected a value of shape {full} (from {word}={size}), got shape {given}")
        axes = len(self.event_shape)
        if axes and given[len(given) - axes :] != self.event_shape:
            raise ModelError(
                f"{self.name}: value has shape {given}, but its last {'axes' if axes > 1 else 'axis'} expected "
                f"{self.event_shape} to fit {self._event_parameter().name}"
            )
        return full if given == full else self._fit(full, given, "value", shapes)

    def _wanted(self, size: Any, word: str) -> tuple[int, ...]:
        """Size as a shape of whole numbers."""
        given = tuple(np.atleast_1d(size)) if isinstance(size, np.ndarray) else size
        given = given if isinstance(given, (tuple, list)) else (given,)
        if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1 for n in given):
            raise ModelError(f"{self.name}: {word} expected whole numbers of at least 1, got {size!r}")
        if math.prod(map(int, given)) > LARGEST:
            raise ModelError(f"{self.name}: {word} expected at most {LARGEST:.0e} elements, got {size!r}")
        return tuple(int(n) for n in given)

    def _broadcast(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        try:
            return np.broadcast_shapes(*shapes.values())
        except ValueError as error:
            listed = ", ".join(f"{k} {v}" for k, v in shapes.items())
            apart = next(filter(None, (_where_apart(a, b, True) for a, b in combinations(shapes.values(), 2))))
            raise ModelError(
                f"{self.name}: expected parameters whose shapes broadcast, got {listed}; look at {apart}"
            ) from error

    def _fit(
        self, batch: tuple[int, ...], wanted: tuple[int, ...], what: str, shapes: Mapping[str, tuple[int, ...]]
    ) -> tuple[int, ...]:
        try:
            fits = np.broadcast_shapes(batch, wanted) == wanted
        except ValueError:
            fits = False
        if not fits:
            listed = ", ".join(f"{k} {v}" for k, v in shapes.items() if v)
            raise ModelError(
                f"{self.name}: {what} has shape {wanted}, which the parameters ({listed}) do not broadcast to; look at "
                f"{_where_apart(wanted, batch)} of {what}"
            )
        return wanted

    # ---------------------------------------------------------------- checks

    def _check_parameters(self) -> None:
        for parameter in self.family.parameters:
            given = self.parents[parameter.name]
            if parameter.constraint == "simplex":
                check_constraint(self.name, parameter.name, "simplex", as_array(value_of(given)))
            elif not holds_nodes(given):
                check_constraint(self.name, parameter.name, parameter.constraint, as_array(given))
        complaint = self.family.check(self._known()) if self.family.check is not None else None
        if complaint:
            raise SupportError(f"{self.name}: {complaint}")
        ends = [self.parents.get(end) for end in ("lower", "upper")]
        if all(end is not None and not holds_nodes(end) for end in ends):
            low, high = (np.asarray(end, float) for end in ends)
            if np.any(low > high) or (not self.family.support.discrete and np.any(low == high)):
                raise SupportError(f"{self.name}: lower expected below upper, got {short(low)} and {short(high)}")

    def _known(self) -> dict[str, np.ndarray]:
        """The parameters that are numbers."""
        return {k: np.asarray(as_array(v), float) for k, v in self.canonical_parents.items() if not holds_nodes(v)}

    def check_value(self, value: Any, ignored: np.ndarray | None = None) -> None:
        """Refuse a value that the distribution cannot produce whatever its unknown parents are.

        Parameters
        ----------
        value : array_like
        ignored : ndarray of bool, optional
            Entries that are not looked at.

        Raises
        ------
        ModelError
            If it is not finite, or of another shape.
        SupportError
            If it lies outside the support.
        """
        given = np.asarray(as_numbers(self.name, value))
        if given.dtype.kind == "f" and not np.isfinite(given).all():
            raise ModelError(f"{self.name}: expected a finite value, got {short(given)}")
        lower: Any = self._limit(self.family.support.lower, self.parents)
        upper: Any = self._upper_limit()
        values = given.astype(float)
        wrong: Any = np.zeros(values.shape, bool)
        if lower is not None:
            wrong |= values < lower
        if upper is not None:
            wrong |= values > upper
        if self.family.support.discrete:
            wrong |= values != np.round(values)
        if ignored is not None:
            wrong &= ~ignored
        if wrong.any():
            self._refuse_support(values, wrong, lower, upper)
        if self.family.support.simplex:
            self._check_sum(values)
        complaint = self.family.check_value(values, self._known()) if self.family.check_value is not None else None
        if complaint:
            raise SupportError(f"{self.name}: {complaint}")
        if self.family.support.positive_definite:
            check_constraint(self.name, "value", "positive definite", values)
        if self.family.support.correlation:
            check_constraint(self.name, "value", "correlation", values)

    def _upper_limit(self) -> Any:
        if self.family.name == "Categorical":
            return shape_of(self.parents["probabilities"])[-1] - 1
        return 1 if self.family.name == "Bernoulli" else self._limit(self.family.support.upper, self.parents)

    def _check_sum(self, values: np.ndarray) -> None:
        sums = np.atleast_1d(values.sum(-1))
        off = np.abs(sums - 1.0) > 1e-6
        if off.any():
            row = int(np.flatnonzero(off.ravel())[0])
            raise SupportError(f"{self.name}: expected weights with sum 1, got {sums.ravel()[row]:.6g} in row {row}")

    def _limit(self, end: float | str, parents: Mapping[str, Any]) -> Any:
        if not isinstance(end, str):
            return end
        if holds_nodes(parents[end]):
            return None
        limit = as_array(parents[end])
        return limit[..., None] if self.family.event_ndim and limit.ndim else limit

    def _refuse_support(self, values: np.ndarray, wrong: np.ndarray, lower: Any, upper: Any) -> None:
        rows = np.unique(np.argwhere(np.atleast_1d(wrong))[:, 0])
        first = np.atleast_1d(values)[np.atleast_1d(wrong)][0]
        kind = "whole numbers" if self.family.support.discrete else "values"
        low = "-inf" if lower is None else np.min(lower)
        high = "inf" if upper is None else np.max(upper)
        raise SupportError(
            f"{self.name}: expected {kind} in [{low}, {high}] ({self.family.name}), got {first:g} "
            f"in row {rows[0]}" + (f" and {rows.size - 1} more" if rows.size > 1 else "") + self._hint()
        )

    def _hint(self) -> str:
        """What to do about values outside of the support, where that can be said."""
        turn = "; these are angles in radians: turn degrees with np.radians, wrap with np.angle(np.exp(1j * x))"
        return turn if self.is_circular else ""


def _with_room(size: Any) -> Any:
    """Room for as many as there may be, where a size is an unknown number of components."""
    if isinstance(size, (tuple, list)):
        return type(size)(_with_room(n) for n in size)
    return getattr(size, "capacity", size)


# -------------------------------------------------------------------- classes


def node_class(family: Family, base: type[Distribution] = Distribution) -> type[Distribution]:
    """The node class of a family; one and the same where nothing is added to it, so that copies find it by name."""
    return _node_class_of(family) if base is Distribution else _class_of(family, base)


@cache
def _node_class_of(family: Family) -> type[Distribution]:
    return _class_of(family, Distribution)


def _class_of(family: Family, base: type[Distribution]) -> type[Distribution]:
    parameters = [inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for p in family.parameters:
        default = inspect.Parameter.empty if p.default is None else p.default
        parameters.append(inspect.Parameter(p.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default))
    common: dict[str, Any] = {"value": None, "observed": False, "size": None, "trace": True, "doc": None}
    common |= {"dims": None, "coords": None}
    for keyword, start in common.items():
        parameters.append(inspect.Parameter(keyword, inspect.Parameter.KEYWORD_ONLY, default=start))
    made = type(family.name, (base,), {"family": family, "__doc__": documentation(family), "__module__": "mcmix"})
    made.__signature__ = inspect.Signature(_ordered(parameters))  # type: ignore[attr-defined]
    return made


def _ordered(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """A signature cannot have a default before a bare parameter: such parameters become keyword-only documentation."""
    seen_default = False
    ordered = []
    for p in parameters:
        if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and seen_default and p.default is inspect.Parameter.empty:
            p = p.replace(default=None)
        seen_default |= p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and p.default is not inspect.Parameter.empty
        ordered.append(p)
    return ordered

"""Random nodes: a distribution given its parents, sampled or observed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.distributions.circle import wrapped
from mcmix.errors import ModelError, NoDrawsOfData, YesOrNoIndex, ZeroProbability
from mcmix.nodes.axes import axes_from, check_axes
from mcmix.nodes.missing import missing_entries, without_missing
from mcmix.nodes.names import DataNames, names_of, one_column
from mcmix.nodes.node import Node, settle
from mcmix.nodes.numbers import as_doubles, as_held, as_number, as_numbers


class Clock:
    """How often the value of any random node was changed: while it stands still, what was computed holds."""

    now = 0


class Stochastic(Node):
    """A random variable, or data when observed.

    Parameters
    ----------
    logp : callable
        ``logp(value, **parents)``: log density of the whole value.
    doc, name : str
    parents : mapping of str to anything
    random : callable, optional
        ``random(**parents)`` draws a value. Let it take ``rng`` too, a numpy Generator, and draw from that: the same
        seed then gives the same starts.
    trace : bool
        Keep draws of it.
    value : array_like, optional
        The data when `observed`, else a start value.
    dtype : type, optional
    observed : bool
        Masked and NaN entries of data are missing: they become unknowns that are sampled, and `mask` says where.
    dims : str or tuple of str, optional
        Names of the axes of the value, for tables, figures, files and ArviZ.
    coords : mapping of str to array_like, optional
        Labels along these axes, by name.

    Attributes
    ----------
    mask : ndarray of bool, or None
        Where data are missing. Such a node is no longer ``observed``: its missing entries are unknown.
    held : array or None
        The data (or what was given as value) as they are kept: data of single precision stay so, and a memory map is
        not copied, so that its file must not change while they are in use. Other arrays are copied once.
    last_value : array
        The value before the last change.
    row_weights : ndarray, shape (rows,), or None
        How many rows each element stands for, of data (and of their labels) that :class:`OnDisk` brought or that have
        weights of their own: labels are summed out, and what a row says of the parameters counts so often.
    rows_counted : bool
        Whether elements are those rows themselves, and no nodes that stand for rows near them.
    rows_given : bool
        Whether elements are the user's rows, whose weights were given with them.
    powers : ndarray or None
        What log densities of elements are multiplied by.
    on_disk : OnDisk or None
        All rows, where the elements are some of them, to begin with: labels are drawn from the file.
    index, columns, units : optional
        Row labels, names of columns and their units, where data came as a frame, series or labelled array.

    Raises
    ------
    ModelError
        If there is neither a value nor a way to draw one, observed data are absent, or infinite.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Stochastic(lambda value, rate: -rate * abs(value), "decay", "x", {"rate": 2.0}, value=0.5)
    >>> float(x.logp)
    -1.0
    """

    is_random = True
    family: Any = None
    mask: np.ndarray | None = None
    held: Any = None
    row_weights: np.ndarray | None = None
    rows_counted = False
    rows_given = False
    powers: np.ndarray | None = None
    on_disk: Any = None

    def __init__(
        self,
        logp: Callable[..., float],
        doc: str,
        name: str,
        parents: Mapping[str, Any],
        random: Callable[..., Any] | None = None,
        trace: bool = True,
        value: Any = None,
        dtype: Any = None,
        rseed: bool = False,
        observed: bool = False,
        cache_depth: int = 2,
        plot: Any = None,
        verbose: int = -1,
        check_logp: bool = True,
        logp_partial_gradients: Any = None,
        dims: Any = None,
        coords: Mapping[str, Any] | None = None,
    ):
        super().__init__(name, parents, doc or "", trace)
        self.axes = axes_from(name, dims, coords)
        self.plot, self.verbose = plot, verbose
        self.logp_function = logp
        self.random_function = random
        self._set_up(value, observed, dtype)
        if value is None and random is None:
            raise ModelError(f"{name}: expected a start value or a random() function, got neither; pass value=...")
        if self.axes is not None:
            check_axes(name, self.axes, self.shape)

    def _set_up(self, value: Any, observed: bool, dtype: Any) -> None:
        self.observed = bool(observed)
        self.data_names = names_of(value)
        self._version = 0
        self._rng: np.random.Generator | None = None
        if self.observed and value is None:
            raise ModelError(f"{self.name}: observed=True expects data, got none; pass value=...")
        if dtype is not None and np.dtype(dtype) == object:
            self._hold(value)
            return
        value = None if value is None else as_numbers(self.name, value)
        if self.observed and not np.size(value):
            raise ModelError(f"{self.name}: expected data, got none (shape {np.shape(value)})")
        self.mask = missing_entries(self.name, value) if self.observed else None
        if self.mask is not None:
            value = without_missing(self.name, value, self.mask, dtype)
        self.dtype = np.dtype(dtype) if dtype is not None else _type_of(value)
        self.held = None if value is None else self._checked(value)
        self.observed = self.observed and self.mask is None
        self.given = self.held if self.mask is None else None
        self._value: Any = self.given
        self.last_value: Any = self._value

    def _hold(self, thing: Any) -> None:
        """Be data that are no numbers: any object, which nothing but the node's own log density looks into.

        Raises
        ------
        ModelError
            If it is not observed: no step knows how to move an object.
        """
        if not self.observed:
            raise ModelError(f"{self.name}: a value of dtype object can be data only, expected observed=True")
        self.dtype, self.mask = np.dtype(object), None
        self.held = self.given = self._value = self.last_value = thing

    data_names = DataNames()  # what data that came as a frame, series or labelled array said beside the numbers

    @property
    def index(self) -> Any:
        """Row labels that the data brought along, or None."""
        return self.data_names.index

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns that the data brought along; of a series, its own."""
        return self.data_names.columns

    @property
    def units(self) -> tuple[str | None, ...] | None:
        """Units of the columns that the data brought along."""
        return self.data_names.units

    @property
    def holds_object(self) -> bool:
        """Whether its value is an object instead of numbers."""
        return self.dtype == object

    def _checked(self, value: Any) -> Any:
        """The value as an array of the node's type; data must be finite, and keep their precision and memory map."""
        array = as_numbers(self.name, value)
        if self.observed:
            refuse_non_finite(self.name, array)
            return as_held(array, self.dtype)
        converted = np.array(np.ma.getdata(array), dtype=self.dtype)
        converted.flags.writeable = False
        return converted if converted.ndim else converted[()]

    @property
    def known(self) -> Any:
        """The given value, or data, as everything computes with them: doubles, or whole numbers.

        Data of single precision, or in another byte order, are converted when they are asked for; the copy is shared
        by all who hold it, and goes when nobody does.
        """
        return self.held if self.holds_object else as_doubles(self.held)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for held in (self.held, self.given, self._value, self.last_value):  # copies of arrays can be written to
            if isinstance(held, np.ndarray):
                held.flags.writeable = False

    # ---------------------------------------------------------------- data

    @property
    def holds_data(self) -> bool:
        """Whether it is data, if only in part."""
        return self.observed or self.mask is not None

    @property
    def is_circular(self) -> bool:  # type: ignore[override]
        """Whether its values are angles, -pi and pi being one point; its family's support says so."""
        return self.family is not None and bool(self.family.support.circular)

    @property
    def atoms(self) -> tuple[float, ...]:
        """Points where a continuous distribution has masses of their own; its family's support says so."""
        return self.family.support.atoms if self.family is not None else ()

    @property
    def trace(self) -> Any:
        """Draws from the MCMC object that sampled it last; data have none (and ``hasattr`` says so, as in PyMC 2)."""
        if self.observed:
            raise NoDrawsOfData(f"{self.name}: data are not drawn and have no trace; their values are in .value")
        return super().trace

    @property
    def is_yes_or_no(self) -> bool:  # type: ignore[override]
        """Whether its values are yes and no."""
        return self.dtype.kind == "b"

    @property
    def status(self) -> tuple[Any, ...]:
        """Changes when it is observed or unobserved."""
        return id(self), id(self.held), self.observed

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of what is sampled: the value's, or one axis over the missing entries."""
        return self.shape if self.mask is None else (int(self.mask.sum()),)

    def state_of(self, value: Any) -> Any:
        """The part of a value that is sampled."""
        return value if self.mask is None else np.broadcast_to(value, self.shape)[self.mask]

    def completed(self, state: Any) -> Any:
        """The full value for sampled missing entries (leading axes, such as draws, are kept)."""
        if self.mask is None:
            return state
        entries = np.asarray(state)
        full = np.empty((*entries.shape[:-1], *self.shape), dtype=np.result_type(entries.dtype, self.dtype))
        full[...] = self.known
        full[..., self.mask] = entries
        return full

    def observe(self, value: Any, mask: Any = None) -> Stochastic:
        """Make it data from now on.

        Parameters
        ----------
        value : array_like
            Of the node's shape; NaN and masked entries are missing.
        mask : array_like of bool, optional
            True where the value is missing: those entries are sampled.

        Returns
        -------
        Stochastic
            Itself. MCMC objects whose chains have started keep the model they started with and refuse to go on.

        Raises
        ------
        ModelError
            If the shape is another one, or the value cannot be.
        """
        array = as_numbers(self.name, value)
        array = one_column(value, array) if len(self.shape) == 1 else array
        if mask is not None:
            where = np.broadcast_to(np.asarray(mask, bool), np.shape(array))
            array = np.ma.array(array, mask=np.ma.getmaskarray(array) | where)
        if np.shape(array) != self.shape:
            raise ModelError(f"{self.name}: observe expects a value of shape {self.shape}, got shape {np.shape(array)}")
        self._new_status(array, True)
        said = names_of(value)
        self.data_names = DataNames(
            said.index if said.index is not None else self.index,
            said.columns or self.columns,
            said.units or self.units,
            said.axes or self.data_names.axes,
        )
        return self

    def unobserve(self) -> Stochastic:
        """Make it unknown, all of it; its present value stays as the start value. Returns itself."""
        self._new_status(self.value if self.holds_data else self.given, False)
        return self

    def _accept(self, value: Any, observed: bool) -> None:
        """Refuse a value that the distribution cannot produce: known families look at their support."""

    def _new_status(self, value: Any, observed: bool) -> None:
        self._accept(value, observed)
        version, names = self._version, self.data_names
        self._set_up(value, observed, self.dtype)
        self._version = version
        self._count_change()
        self.data_names = names

    # ---------------------------------------------------------------- value

    @property
    def value(self) -> Any:
        """Current value; drawn from the distribution given the parents' current values where none was given."""
        if self._value is None:
            settle(self)
        return self.known if self._value is self.held else self._value

    @value.setter
    def value(self, new: Any) -> None:
        if self.observed:
            raise ModelError(f"{self.name}: the value of an observed node is data and cannot be set")
        if new is None:
            raise ModelError(f"{self.name}: expected a value of shape {self.shape}, got None")
        checked = self._checked(new)
        if self.mask is not None and np.shape(checked) == self.state_shape != self.shape:
            checked = self.completed(checked)
        if np.shape(checked) != self.shape:
            raise ModelError(f"{self.name}: expected a value of shape {self.shape}, got shape {np.shape(checked)}")
        merged = self._merged(wrapped(checked) if self.is_circular else checked)
        self._count_change()  # first: an interrupt may leave the old value, never what was computed from it as the new
        self.last_value, self._value = self._value, merged

    @property
    def is_behind(self) -> bool:
        """Whether it is still to be drawn."""
        return self._value is None

    def catch_up(self) -> None:
        """Draw the first value."""
        self._value = self._merged(self._draw(self._own_rng()))

    def _count_change(self) -> None:
        self._version += 1
        Clock.now += 1

    def revert(self) -> None:
        """Go back to the value before the last change."""
        if self.last_value is not None:
            self._count_change()
            self._value = self.last_value

    def _show(self, value: Any, rng: np.random.Generator) -> None:
        """Show a chain's value, and draw from the chain's stream, while a step in Python works on it."""
        value = np.asarray(value)
        value.flags.writeable = False
        self._value = value if value.ndim else value[()]
        self._count_change()
        self._rng = rng

    def _show_data(self, value: Any) -> None:
        """Show other data, or the node's own again, while a step in Python works on them."""
        self._value = value
        self._count_change()

    def _merged(self, value: Any) -> Any:
        """A value whose known entries are the data."""
        return self._checked(value if self.mask is None else self.completed(self.state_of(value)))

    @property
    def version(self) -> Any:
        """Counts the values set so far."""
        return (id(self), self._version)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value; an object has none."""
        return () if self.holds_object else np.shape(self.value if self.held is None else self.held)

    @property
    def logp(self) -> float:
        """Log density of the current value given the parents' current values.

        Raises
        ------
        ZeroProbability
            If it is minus infinity.
        """
        answer = self.log_density(self.value, self.parent_values())
        if answer == -np.inf:
            raise ZeroProbability(f"{self.name}: its value has probability zero given its parents")
        return answer

    def log_density(self, value: Any, parents: Mapping[str, Any]) -> float:
        """Log density of a value given the parents' values; minus infinity where impossible."""
        try:
            found = self.logp_function(value, **parents)
        except ZeroProbability:
            return -np.inf
        except IndexError as error:
            if any(n.is_yes_or_no for n in self.parent_nodes):
                raise YesOrNoIndex(self.name) from error
            raise
        try:
            answer = as_number(self.name, "its logp", found)
        except ModelError as error:
            raise ModelError(f"{error} (at {self.name}={value} with parents {dict(parents)})") from error
        if np.isnan(answer):
            raise ModelError(f"{self.name}: its logp returned NaN at {self.name}={value} with parents {dict(parents)}")
        return answer

    def random(self) -> Any:
        """Draw a new value given the parents' current values, set it (unless observed) and return it."""
        drawn = self._draw(self._own_rng())
        if self.observed:
            return self._checked(drawn)
        self.value = drawn
        return self.value

    rand = random

    def draw_given(self, rng: np.random.Generator, parents: Mapping[str, Any]) -> Any:
        """Draw a value given the parents' values."""
        if self.random_function is None:
            raise ModelError(f"{self.name}: it has no random() function to draw from")
        code = getattr(self.random_function, "__code__", None)
        takes_rng = code is not None and "rng" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return self.random_function(**parents, **({"rng": rng} if takes_rng else {}))

    @property
    def can_draw(self) -> bool:
        """Whether it knows how to draw itself."""
        return self.random_function is not None

    def _draw(self, rng: np.random.Generator) -> Any:
        return self.start_given(rng, self.parent_values())

    def start_given(self, rng: np.random.Generator, parents: Mapping[str, Any], known: Any = None) -> Any:
        """A start value: drawn from the distribution, or, of missing entries without random(), from the data.

        These are the node's own, unless `known` says others.
        """
        if self.can_draw or self.mask is None:
            return self.draw_given(rng, parents)
        data = np.asarray(self.known if known is None else known)
        return self.completed(rng.choice(data[~self.mask], self.state_shape))

    def _own_rng(self) -> np.random.Generator:
        """Seeded by the name, so that a notebook shows the same start values every time."""
        if self._rng is None:
            self._rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return self._rng

    def _describe(self) -> str:
        shape = np.shape(self.given) if self._value is None and self.given is not None else np.shape(self.value)
        kind = type(self).__name__
        missing = "" if self.mask is None else f", data with {self.mask.sum()} missing"
        return f"{kind}({self.name!r}, shape {shape}{', observed' if self.observed else missing})"


def _type_of(value: Any) -> np.dtype[Any]:
    kind = value.dtype if value is not None else np.dtype(float)
    return np.dtype(float) if kind.kind not in "iub" else kind


def refuse_non_finite(name: str, array: np.ndarray) -> None:
    """Refuse infinite data, with the row numbers.

    Raises
    ------
    ModelError
    """
    wrong = ~np.isfinite(np.ma.getdata(array)) if array.dtype.kind == "f" else np.zeros(np.shape(array), bool)
    if not wrong.any():
        return
    bad = np.unique(np.argwhere(np.atleast_1d(wrong))[:, 0])
    shown = ", ".join(map(str, bad[:10])) + (", ..." if bad.size > 10 else "")
    raise ModelError(
        f"{name}: expected finite data (NaN or masked where missing), got infinity in {bad.size} row"
        f"{'s' * (bad.size > 1)} ({shown}); remove them, or censor them with Censored"
    )

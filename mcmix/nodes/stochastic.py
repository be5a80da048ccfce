"""Random nodes: a law given its parents, sampled or observed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError, ZeroProbability
from mcmix.nodes.node import Node


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

    Raises
    ------
    ModelError
        If there is neither a value nor a way to draw one, or observed data are missing or not finite.
    """

    is_random = True
    family: Any = None

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
    ):
        super().__init__(name, parents, doc or "", trace)
        self.logp_function = logp
        self.random_function = random
        self._set_up(value, observed, dtype)
        if value is None and random is None:
            raise ModelError(f"{name}: expected a start value or a random() function, got neither; pass value=...")

    def _set_up(self, value: Any, observed: bool, dtype: Any) -> None:
        self.observed = bool(observed)
        self.index = labels_of(value)
        self.dtype = np.dtype(dtype) if dtype is not None else _type_of(value)
        self.given = None if value is None else self._checked(value)
        if self.observed and self.given is None:
            raise ModelError(f"{self.name}: observed=True expects data, got none; pass value=...")
        self._value: Any = self.given
        self._version = 0
        self._rng: np.random.Generator | None = None

    def _checked(self, value: Any) -> Any:
        """The value as an array of the node's type; data must be finite."""
        array = as_numbers(self.name, value)
        if self.observed:
            refuse_non_finite(self.name, array)
        converted = np.array(np.ma.getdata(array), dtype=self.dtype)
        converted.flags.writeable = False
        return converted if converted.ndim else converted[()]

    @property
    def value(self) -> Any:
        """Current value; drawn from the law given the parents' current values when none was given."""
        if self._value is None:
            self._value = self._checked(self._draw(self._own_rng()))
        return self._value

    @value.setter
    def value(self, new: Any) -> None:
        if self.observed:
            raise ModelError(f"{self.name}: the value of an observed node is data and cannot be set")
        checked = self._checked(new)
        if np.shape(checked) != self.shape:
            raise ModelError(f"{self.name}: expected a value of shape {self.shape}, got shape {np.shape(checked)}")
        self._value = checked
        self._version += 1

    @property
    def version(self) -> Any:
        """Counts the values set so far."""
        return (id(self), self._version)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return np.shape(self.value)

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
            answer = np.asarray(self.logp_function(value, **parents), dtype=float)
        except ZeroProbability:
            return -np.inf
        if answer.ndim:
            raise ModelError(
                f"{self.name}: its logp expected to return one number, got an array of shape {answer.shape}; sum it"
            )
        if np.isnan(answer):
            raise ModelError(f"{self.name}: its logp returned NaN at {self.name}={value} with parents {dict(parents)}")
        return float(answer)

    def random(self) -> Any:
        """Draw a new value given the parents' current values, set it (unless observed) and return it."""
        drawn = self._checked(self._draw(self._own_rng()))
        if not self.observed:
            self.value = drawn
        return drawn

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
        return self.draw_given(rng, self.parent_values())

    def _own_rng(self) -> np.random.Generator:
        """Seeded by the name, so that a notebook shows the same start values every time."""
        if self._rng is None:
            self._rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return self._rng

    def _describe(self) -> str:
        shape = np.shape(self.given) if self._value is None and self.given is not None else np.shape(self.value)
        kind = type(self).__name__
        return f"{kind}({self.name!r}, shape {shape}{', observed' if self.observed else ''})"


def labels_of(value: Any) -> Any:
    """Row labels that a data frame or series brings along (its index), else None."""
    index = getattr(value, "index", None)
    return None if index is None or callable(index) else np.asarray(index)


def _type_of(value: Any) -> np.dtype[Any]:
    kind = as_numbers("", value).dtype if value is not None else np.dtype(float)
    return np.dtype(float) if kind.kind not in "iub" else kind


def as_numbers(name: str, value: Any) -> np.ndarray:
    """A value as an array of numbers (a masked array stays one).

    Raises
    ------
    ModelError
        If it holds something else, or rows of different lengths.
    """
    try:
        array = value if np.ma.isMaskedArray(value) else np.asarray(value)
        return array.astype(float) if array.dtype.kind not in "fiub" else array
    except (TypeError, ValueError) as error:
        shown = repr(value) if len(repr(value)) < 60 else repr(value)[:57] + "..."
        raise ModelError(f"{name}: expected an array of numbers, got {shown}") from error


def refuse_non_finite(name: str, array: np.ndarray) -> None:
    """Refuse NaN, infinity and masked entries in data, with the row numbers.

    Raises
    ------
    ModelError
    """
    wrong = np.ma.getmaskarray(array).copy() if np.ma.isMaskedArray(array) else np.zeros(np.shape(array), bool)
    if array.dtype.kind == "f":
        wrong |= ~np.isfinite(np.ma.getdata(array))
    if not wrong.any():
        return
    bad = np.unique(np.argwhere(np.atleast_1d(wrong))[:, 0])
    shown = ", ".join(map(str, bad[:10])) + (", ..." if bad.size > 10 else "")
    raise ModelError(
        f"{name}: expected finite data, got NaN, infinity or masked entries in {bad.size} row{'s' * (bad.size > 1)} "
        f"({shown}); remove them (missing data are not supported yet)"
    )

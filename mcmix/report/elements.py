"""Scalar elements of the drawn variables and their labels: ``p``, ``mu[0]``, ``cov[0, 1]``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from mcmix.distributions.circle import unrolled
from mcmix.errors import ModelError
from mcmix.traces.memory import Draws


class Elements(NamedTuple):
    """Elements of one variable.

    Attributes
    ----------
    name : str
        The variable.
    labels : list of str
        One per element.
    positions : list of int
        Where each stands among all elements of the variable, last index fastest.
    draws : ndarray, shape (chains, draws, elements)
        True and False come as 1 and 0.
    circular : bool
        Whether these are angles.
    """

    name: str
    labels: list[str]
    positions: list[int]
    draws: np.ndarray
    circular: bool = False

    @property
    def on_a_line(self) -> np.ndarray:
        """The draws; angles element by element about their circular mean, so that a line can show them."""
        return unrolled(self.draws, axis=(0, 1)) if self.circular else self.draws


def element_labels(name: str, shape: tuple[int, ...], labels: Sequence[Any] = ()) -> list[str]:
    """Labels of the elements of a variable, last index fastest; a scalar keeps its bare name.

    `labels` are names along the axes, None for an axis whose entries are counted.

    Examples
    --------
    >>> element_labels("mu", (2,)), element_labels("mu", (1, 2), (None, ["speed", "mass"]))
    (['mu[0]', 'mu[1]'], ['mu[0, speed]', 'mu[0, mass]'])
    """
    if not shape:
        return [name]
    known = labels if [len(x) if x is not None else n for x, n in zip(labels, shape, strict=False)] == [*shape] else ()
    along = [range(n) if not known or known[i] is None else known[i] for i, n in enumerate(shape)]
    return [f"{name}[{', '.join(map(str, entry))}]" for entry in product(*along)]


def select(draws: Draws, names: str | Iterable[str] | None = None) -> list[Elements]:
    """Elements of the named variables, in the order of the names.

    Parameters
    ----------
    draws : Draws
    names : str or iterable of str, optional
        Variables (``"mu"``) or elements, by number or name (``"mu[0]"``, ``"mu[slow]"``); all variables when left out.

    Raises
    ------
    ModelError
        If a name is not among the draws.
    """
    wanted = draws.variables if names is None else [names] if isinstance(names, str) else names
    return [_selected(draws, name) for name in wanted]


def side_by_side(parts: Iterable[Elements], at_most: int = 2**22) -> list[Elements]:
    """Small variables that follow one another as one table, so that a thousand of them are looked at in one call.

    Parameters
    ----------
    parts : iterable of Elements
    at_most : int
        Numbers in a table that is put together.
    """
    found: list[list[Elements]] = []
    for part in parts:
        room = at_most - sum(p.draws.size for p in found[-1]) if found else 0
        alike = bool(found) and (part.circular, part.draws.dtype) == (found[-1][0].circular, found[-1][0].draws.dtype)
        if alike and part.draws.size <= room:
            found[-1].append(part)
        else:
            found.append([part])
    return [group[0] if len(group) == 1 else _joined(group) for group in found]


def _joined(group: list[Elements]) -> Elements:
    labels, positions = [x for p in group for x in p.labels], [x for p in group for x in p.positions]
    return Elements(group[0].name, labels, positions, np.concatenate([p.draws for p in group], -1), group[0].circular)


def _selected(draws: Draws, wanted: str) -> Elements:
    name = wanted if wanted in draws.variables else wanted.partition("[")[0]
    if name not in draws.variables:
        raise ModelError(f"no draws of {wanted!r}: expected one of {', '.join(draws.variables) or '(no variables)'}")
    array = draws.variables[name]
    array = array.view(np.uint8) if array.dtype == bool else array  # so that everybody may subtract and bin
    labels = element_labels(name, array.shape[2:], draws.labels.get(name, ()))
    flat = array.reshape(*array.shape[:2], len(labels))
    circular = name in draws.angles
    if wanted == name:
        return Elements(name, labels, list(range(len(labels))), flat, circular)
    position = _position(wanted, labels, element_labels(name, array.shape[2:]))
    return Elements(name, [labels[position]], [position], flat[:, :, [position]], circular)


def _position(wanted: str, labels: list[str], counted: list[str]) -> int:
    """Where an element stands, by its name or else by its number."""
    for listed in (labels, counted):
        plain = [label.replace(" ", "") for label in listed]
        if wanted.replace(" ", "") in plain:
            return plain.index(wanted.replace(" ", ""))
    raise ModelError(f"no element {wanted!r}: expected one from {labels[0]} to {labels[-1]}")

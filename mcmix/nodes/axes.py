"""Names that a program gives to the axes of its variables, ``dims=``, and to the entries along them, ``coords=``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.names import plain_labels

TAKEN = ("chain", "draw")  # axes that all draws have


@dataclass(frozen=True)
class Axes:
    """Names of the axes of one variable, and labels of the entries along some of them.

    Attributes
    ----------
    dims : tuple of (str or None)
        One for each axis; None for an axis without a name.
    coords : dict of str to ndarray
        Labels by name of axis, one for each entry.
    """

    dims: tuple[str | None, ...]
    coords: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def lengths(self) -> tuple[int | None, ...]:
        """How long each axis is, as far as its labels say it."""
        return tuple(len(self.coords[d]) if d in self.coords else None for d in self.dims)


def axes_from(name: str, dims: Any, coords: Any) -> Axes | None:
    """What a node was given as ``dims=`` and ``coords=``; None where it was given nothing.

    Parameters
    ----------
    name : str
        Of the node.
    dims : str, sequence of (str or None), or None
    coords : mapping of str to array_like, or None

    Raises
    ------
    ModelError
        If these are no names, a name stands twice or means something else, or there are labels for no axis.

    Examples
    --------
    >>> axes_from("mu", "group", {"group": ["slow", "fast"]}).lengths
    (2,)
    """
    if dims is None and coords is None:
        return None
    if dims is None:
        raise ModelError(f"{name}: coords= are labels along named axes, expected dims=(...) with their names, got none")
    named = dims_from(name, dims)
    labels = coords_from(name, coords)
    unknown = [d for d in labels if d not in named]
    if unknown:
        listed = ", ".join(map(str, named)) or "none"
        raise ModelError(f"{name}: coords= expected labels of its dims ({listed}), got some of {unknown[0]!r}")
    return Axes(named, labels)


def dims_from(name: str, dims: Any) -> tuple[str | None, ...]:
    """Names of axes from one name or several."""
    listed = (dims,) if isinstance(dims, str) else dims
    if not isinstance(listed, (tuple, list)) or not all(d is None or (isinstance(d, str) and d) for d in listed):
        raise ModelError(f"{name}: dims= expected a name or a tuple of names (None for an axis without), got {dims!r}")
    given = [d for d in listed if d is not None]
    doubled = next((d for d in given if given.count(d) > 1), None)
    if doubled is not None:
        raise ModelError(f"{name}: dims= expected a name of its own for each axis, got {doubled!r} twice")
    wrong = next((d for d in given if d in TAKEN or d == name), None)
    if wrong is not None:
        whose = "the variable's own" if wrong == name else "that of an axis that all draws have"
        raise ModelError(f"{name}: dims= got {wrong!r}, which is {whose}; choose another name")
    return tuple(listed)


def coords_from(name: str, coords: Any) -> dict[str, np.ndarray]:
    """Labels by name of axis, in a form that files can hold.

    Raises
    ------
    ModelError
        If it is no mapping, or labels are no list, or one stands twice along an axis.
    """
    if coords is None:
        return {}
    if not isinstance(coords, Mapping):
        raise ModelError(f"{name}: coords= expected labels by name of axis, {{'axis': labels}}, got {coords!r}")
    found = {}
    for axis, labels in coords.items():
        listed = (
            labels if isinstance(labels, np.ndarray) or hasattr(labels, "dtype") else list(_listed(name, axis, labels))
        )
        array = plain_labels(np.asarray(listed) if len(listed) else np.arange(0))
        if array.ndim != 1:
            raise ModelError(f"{name}: coords= {axis!r} expected one label for each entry, got shape {array.shape}")
        values, counts = np.unique(array, return_counts=True)
        if (counts > 1).any():
            raise ModelError(f"{name}: coords= {axis!r} expected different labels, got {values[counts > 1][0]!r} twice")
        found[str(axis)] = array
    return found


def _listed(name: str, axis: Any, labels: Any) -> Sequence[Any]:
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise ModelError(f"{name}: coords= {axis!r} expected a list of labels, got {labels!r}")
    return list(labels)


def size_from(axes: Axes | None, event_ndim: int) -> tuple[int, ...] | None:
    """The size that labels say, in front of any axes of an event; None where they do not say all of it."""
    if axes is None or len(axes.dims) <= event_ndim:
        return None
    front = axes.lengths[: len(axes.dims) - event_ndim]
    return None if any(n is None for n in front) else tuple(n for n in front if n is not None)


def check_axes(name: str, axes: Axes | None, shape: tuple[int, ...]) -> None:
    """Refuse names that do not fit a shape.

    Raises
    ------
    ModelError
        With the node's name, its shape, and the axis.
    """
    if axes is None:
        return
    if len(axes.dims) != len(shape):
        listed = ", ".join(map(str, axes.dims)) or "none"
        raise ModelError(
            f"{name}: dims= expected {len(shape)} name{'s' * (len(shape) != 1)} for shape {shape}, got "
            f"{len(axes.dims)} ({listed})"
        )
    for number, (dim, length, wanted) in enumerate(zip(axes.dims, shape, axes.lengths, strict=True)):
        if wanted is not None and wanted != length:
            raise ModelError(
                f"{name}: coords= {dim!r} has {wanted} label{'s' * (wanted != 1)}, but axis {number} of shape {shape} "
                f"expected {length}"
            )


def together(
    nodes: Iterable[Any], dims: Mapping[str, Any] | None, coords: Mapping[str, Any] | None
) -> tuple[dict[str, Axes], dict[str, np.ndarray]]:
    """Names of axes of a model's nodes: their own, and those that the model was given.

    Parameters
    ----------
    nodes : iterable of Node
    dims : mapping of node name to names of axes, optional
        They win over the node's own.
    coords : mapping of axis to labels, optional

    Returns
    -------
    axes : dict of node name to Axes
    coords : dict of axis to ndarray

    Raises
    ------
    ModelError
        If a node is unknown or its shape does not fit, or one name stands for axes of different lengths or labels.
    """
    listed = list(nodes)
    given = _by_node(listed, dims)
    labels = coords_from("model", coords)
    own = {n.name: n.axes for n in listed if n.axes is not None}
    own |= {n: Axes(d, own[n].coords if n in own and own[n].dims == d else {}) for n, d in given.items()}
    for name, axes in own.items():
        for axis, along in axes.coords.items():
            _refuse_others(name, axis, along, labels)
            labels.setdefault(axis, along)
    shapes = {n.name: _shape(n) for n in listed if n.name in own}
    complete = {n: Axes(a.dims, {d: labels[d] for d in a.dims if d in labels}) for n, a in own.items()}
    for name, axes in complete.items():
        check_axes(name, axes, shapes[name])
    _refuse_lengths(complete, shapes)
    used = {d for a in complete.values() for d in a.dims}
    _refuse_unused([str(d) for d in coords or {} if d not in used], used)
    _refuse_variables(used, {n.name for n in listed})
    return complete, labels


def _by_node(nodes: Sequence[Any], dims: Any) -> dict[str, tuple[str | None, ...]]:
    if dims is None:
        return {}
    if not isinstance(dims, Mapping):
        raise ModelError(f"model: dims= expected names of axes by node, {{'mu': ('group',)}}, got {dims!r}")
    by_name = {str(getattr(key, "name", key)): value for key, value in dims.items()}
    there = {n.name for n in nodes}
    unknown = [key for key in by_name if key not in there]
    if unknown:
        raise ModelError(f"model: dims= names no node {unknown[0]!r}; there are {', '.join(sorted(there))}")
    return {name: dims_from(name, value) for name, value in by_name.items()}


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(node.shape) if hasattr(node, "shape") else np.shape(node.value)


def _refuse_others(name: str, axis: str, along: np.ndarray, labels: Mapping[str, np.ndarray]) -> None:
    """Refuse labels of an axis that has others already."""
    if axis in labels and not np.array_equal(labels[axis], along):
        raise ModelError(
            f"{name}: coords= {axis!r} expected the labels that this axis has elsewhere in the model, "
            f"{_some(labels[axis])}, got {_some(along)}"
        )


def _some(labels: np.ndarray) -> str:
    return ", ".join(map(str, labels[:4])) + (", ..." if len(labels) > 4 else "")


def _refuse_lengths(axes: Mapping[str, Axes], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse one name for axes of different lengths."""
    seen: dict[str, tuple[str, int]] = {}
    for name, own in axes.items():
        for dim, length in zip(own.dims, shapes[name], strict=True):
            if dim is None:
                continue
            first, wanted = seen.setdefault(dim, (name, length))
            if length != wanted:
                raise ModelError(
                    f"{name}: dims= {dim!r} expected {wanted} entries, as {first} has along it, got {length}; give one "
                    "of them another name"
                )


def _refuse_unused(unused: Sequence[str], used: Iterable[Any]) -> None:
    if unused:
        listed = ", ".join(sorted(str(d) for d in used if d is not None)) or "none"
        raise ModelError(
            f"model: coords= has labels of {unused[0]!r}, which no node has among its dims ({listed}); say "
            f"dims={{'node': ('{unused[0]}',)}}, or dims= at the node"
        )


def _refuse_variables(used: Iterable[Any], names: set[str]) -> None:
    both = sorted(str(d) for d in used if d in names)
    if both:
        raise ModelError(
            f"{both[0]}: dims= {both[0]!r} is the name of a variable too; choose another name for the axis"
        )


__all__ = ["Axes", "axes_from", "check_axes", "size_from", "together"]

"""What numbers may be parameters: checks with the node's name, what was expected and what came."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import SupportError
from mcmix.nodes.node import short


def as_array(value: Any) -> Any:
    """Numbers and lists of numbers as float arrays; NumPy arrays keep their type, but floats are doubles."""
    if isinstance(value, (list, tuple, int, float)):
        return np.asarray(value, dtype=float)
    array = np.asarray(value)
    # a distribution's constants are worked out from its parameters: in float32 they would have seven digits
    return array.astype(float) if array.dtype.kind == "f" and array.dtype != float else array


def check_constraint(node: str, parameter: str, constraint: str, value: np.ndarray) -> None:
    """Refuse a parameter value outside its range.

    Raises
    ------
    SupportError
        Naming the node, what was expected and what came.
    """
    value = np.asarray(value, dtype=float)
    if np.isnan(value).any() or (constraint != "bound" and np.isinf(value).any()):
        raise SupportError(f"{node}: {parameter} expected finite numbers, got {short(value)}")
    if constraint == "simplex":
        total = value.sum(-1)
        if (value < -1e-12).any() or (np.abs(total - 1.0) > 1e-6).any():
            worst = np.ravel(total)[np.argmax(np.abs(np.ravel(total) - 1.0))]
            raise SupportError(
                f"{node}: {parameter} expected weights of at least 0 with sum 1, got {short(value)} "
                f"with sum {worst:.6g}"
            )
        return
    if constraint in ("positive definite", "correlation"):
        _check_positive_definite(node, parameter, value)
    if constraint == "correlation":
        _check_unit_diagonal(node, parameter, value)
    tests = {
        "positive": (value > 0, "a positive number"), "positive vector": (value > 0, "positive numbers"),
        "nonnegative": (value >= 0, "a number of at least 0"),
        "probability": ((value >= 0) & (value <= 1), "a probability in [0, 1]"),
        "count": ((value >= 0) & (value == np.round(value)), "a whole number of at least 0"),
    }  # fmt: skip
    if constraint in tests and not tests[constraint][0].all():
        bad = np.ravel(value)[~np.ravel(tests[constraint][0])][0]
        raise SupportError(f"{node}: {parameter} expected {tests[constraint][1]}, got {bad:g}")


def _check_positive_definite(node: str, parameter: str, value: np.ndarray) -> None:
    """Refuse matrices that are not symmetric, or have an eigenvalue of zero or below.

    Raises
    ------
    SupportError
        Naming the node and the smallest eigenvalue.
    """
    matrices = value.reshape(-1, *value.shape[-2:])
    largest = np.abs(matrices).max(initial=0.0)
    apart = np.abs(matrices - np.swapaxes(matrices, 1, 2)).max(initial=0.0)
    if apart > 1e-8 * largest:
        raise SupportError(f"{node}: {parameter} expected a symmetric matrix, got entries that differ by {apart:.3g}")
    lowest = float(np.linalg.eigvalsh(matrices)[:, 0].min(initial=np.inf))
    if lowest <= 0.0:
        raise SupportError(
            f"{node}: {parameter} expected a positive definite matrix, got one with smallest eigenvalue {lowest:.6g}"
        )


def _check_unit_diagonal(node: str, parameter: str, value: np.ndarray) -> None:
    """Refuse matrices whose diagonal is not one, as that of every correlation matrix is.

    Raises
    ------
    SupportError
        Naming the node and the entry that is farthest from one.
    """
    diagonal = np.ravel(np.diagonal(value, axis1=-2, axis2=-1))
    worst = diagonal[np.abs(diagonal - 1.0).argmax()] if diagonal.size else 1.0
    if abs(worst - 1.0) > 1e-8:
        raise SupportError(
            f"{node}: {parameter} expected a correlation matrix (ones on its diagonal), got a diagonal entry {worst:g}"
        )


def _where_apart(shape: tuple[int, ...], other: tuple[int, ...], stretches: bool = False) -> str:
    """The last axis along which `other` does not broadcast to a shape, counted from the end; empty if there is none.

    With `stretches`, the shape itself may stretch too.
    """
    for axis in range(1, len(other) + 1):
        here, there = shape[-axis] if axis <= len(shape) else None, other[-axis]
        if there not in (1, here) and not (stretches and here in (1, None)):
            return f"axis {-axis} ({'none' if here is None else here} beside {there})"
    return ""

"""Draws under one naming of components, and what the naming did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcmix.report.diagnosis.mixing import mixing
from mcmix.report.labels.assignment import names_of
from mcmix.report.labels.components import Components
from mcmix.report.labels.methods import METHODS, Permutations, chosen_for

Table = Sequence[tuple[str, int]]  # the variable and its element that hold each component's number


@dataclass(frozen=True)
class Named:
    """How the components of one label vector were named.

    Attributes
    ----------
    label : str
    method, reason : str
    order : ndarray of int, shape (chains, draws, K)
        Which component of a draw gets name j.
    proper : float
        Share of draws with a clear permutation; one minus the non-permutation rate.
    agreement : dict of str to float
        Other methods, and the share of draws in which they name alike (up to one exchange of names throughout).
    within : str
        The classes within which components changed places.
    trading : list of str
        Components of different classes that traded places in the draws all the same.
    """

    label: str
    method: str
    reason: str
    order: np.ndarray
    proper: float
    agreement: dict[str, float] = field(default_factory=dict)
    within: str = ""
    trading: list[str] = field(default_factory=list)

    @property
    def changed(self) -> float:
        """Share of draws in which a component got another name than in the first."""
        return float((self.order != self.order[:1, :1]).any(axis=2).mean())


def named(
    label: str, c: Components, shape: tuple[int, int], method: str, by: str | None, others: Sequence[str]
) -> Named:
    """Find names by a method, and compare with others."""
    reason = "asked for"
    if method == "auto":
        method, reason = chosen_for(c)
    found = _found(c, method, by)
    order = found.order.reshape(*shape, -1)
    agreement = {other: alike(found.order, _found(c, other, None).order) for other in others}
    return Named(label, method, reason, order, float(found.proper.mean()), agreement)


def _found(c: Components, method: str, by: str | None) -> Permutations:
    return METHODS[method](c, by) if method == "ordering" else METHODS[method](c)


def alike(first: np.ndarray, second: np.ndarray) -> float:
    """Share of draws that two relabellings name alike, up to the one exchange of names that fits most draws.

    Examples
    --------
    >>> alike(np.array([[0, 1], [1, 0], [0, 1]]), np.array([[1, 0], [0, 1], [1, 0]]))
    1.0
    """
    composed = np.take_along_axis(names_of(second), first, axis=1)  # name by the second of who has name j by the first
    _, counts = np.unique(composed, axis=0, return_counts=True)
    return float(counts.max() / len(composed))


def exchanged(
    variables: Mapping[str, np.ndarray],
    tables: Sequence[Table],
    complements: Sequence[str],
    order: np.ndarray,
    squares: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Variables whose components have changed places.

    Parameters
    ----------
    variables : mapping of str to ndarray, shape (chains, draws, ...)
    tables : sequence of tables
    complements : sequence of str
        Scalar probabilities of the first of two components.
    order : ndarray of int, shape (chains, draws, K)
    squares : sequence of str
        Variables with a row and a column for each component.
    """
    involved = ({name for table in tables for name, _ in table} - set(squares)) & set(variables)
    flat = {name: variables[name].reshape(*variables[name].shape[:2], -1) for name in involved}
    new = {name: array.copy() for name, array in flat.items()}
    for table in tables:
        if not all(name in involved for name, _ in table):
            continue
        stacked = np.stack([flat[name][:, :, element] for name, element in table], axis=-1)
        moved = np.take_along_axis(stacked, order, axis=2)
        for j, (name, element) in enumerate(table):
            new[name][:, :, element] = moved[:, :, j]
    answer = {name: array.reshape(variables[name].shape) for name, array in new.items()}
    for name in set(squares) & set(variables):
        rows = np.take_along_axis(variables[name], order[..., None], axis=2)
        answer[name] = np.take_along_axis(rows, order[:, :, None, :], axis=3)
    for name in set(complements) & set(variables):
        swapped = (order[:, :, 0] == 1).reshape(*order.shape[:2], *[1] * (variables[name].ndim - 2))
        answer[name] = np.where(swapped, 1.0 - variables[name], variables[name])
    return answer


def renamed_labels(labels: np.ndarray, order: np.ndarray, lowest: int) -> np.ndarray:
    """Labels under the new names: shape (chains, draws, units) in and out, in their own type."""
    names = np.argsort(order, axis=2)
    out = np.empty_like(labels)
    for chain in range(labels.shape[0]):  # chain by chain: indices are wider than labels
        index = labels[chain].astype(np.intp) - lowest
        out[chain] = np.take_along_axis(names[chain], index, axis=1) + lowest
    return out


def mixing_of(values: np.ndarray, circular: bool = False) -> dict[str, np.ndarray]:
    """R-hat, bulk and tail ESS of each element of draws, or of angles, of shape (chains, draws, *shape)."""
    flat = values.reshape(*values.shape[:2], -1).astype(float)
    found = mixing(np.moveaxis(flat, 2, 0), circular)
    shape = values.shape[2:]
    return {
        "rhat": found.rhat.reshape(shape),
        "ess_bulk": found.bulk.reshape(shape),
        "ess_tail": found.tail.reshape(shape),
    }


__all__ = ["Named", "Table", "alike", "exchanged", "mixing_of", "named", "renamed_labels"]

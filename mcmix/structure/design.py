"""Designs that leave coefficients under a flat prior open: columns that are sums of others, and columns of noughts."""

from __future__ import annotations

import numpy as np

from mcmix.errors import ModelError
from mcmix.structure.coefficients import Coefficients
from mcmix.structure.contributions import Structure
from mcmix.structure.meetings import Child, designs

MOST_NUMBERS = 20_000_000  # of a design that is looked at
RELATIVE = 1e-10  # of a column's squares, below which nothing of it is its own


def refuse_collinear(group: Coefficients, structure: Structure) -> None:
    """Refuse coefficients that no row can tell apart, whatever the labels are, where their prior is flat.

    Raises
    ------
    ModelError
        Naming the coefficients; what cannot be seen before the labels are drawn is left to the run.
    """
    if not group.flat.any():
        return
    products = np.zeros((group.size, group.size))
    for child in group.children:
        more = _products(child, group, structure)
        if more is None:
            return
        products += more
    flat = np.flatnonzero(group.flat)
    found = _dependent(products[np.ix_(flat, flat)])
    if found is not None:
        raise ModelError(_told(group, flat[found[0]], flat[found[1]]))


def _products(child: Child, group: Coefficients, structure: Structure) -> np.ndarray | None:
    """Cross products of the columns over all cases of the labels, each row in each; None where they are not known."""
    total = np.zeros((group.size, group.size))
    slopes = [t.slope for t in child.terms]
    if not all(s.is_constant for s in slopes) or child.rows * group.size > MOST_NUMBERS:
        return None
    columns = np.stack([np.broadcast_to(s.known, (child.rows,)).astype(float) for s in slopes])
    for indices, _ in designs(child, structure):
        if indices is None:
            return None
        dense = np.zeros((group.size, child.rows))
        for slope, index in zip(columns, np.broadcast_to(indices, columns.shape), strict=True):
            np.add.at(dense, (index, np.arange(child.rows)), slope)
        total += dense @ dense.T
    return total


def _dependent(products: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The first column that is a sum of columns before it, and those: from the columns' cross products."""
    free: list[int] = []
    for j in range(len(products)):
        weights = np.linalg.solve(products[np.ix_(free, free)], products[free, j]) if free else np.zeros(0)
        left = products[j, j] - products[j, free] @ weights
        if left <= RELATIVE * products[j, j]:
            scaled = weights**2 * np.diag(products)[free]
            return j, np.array(free, np.int64)[scaled > 1e-8 * products[j, j]]
        free.append(j)
    return None


def _told(group: Coefficients, column: int, others: np.ndarray) -> str:
    names = " and ".join(dict.fromkeys(c.contribution.factor.node.name for c in group.children))
    node = group.name_of(column).split("[")[0]
    what = (
        f"is collinear with that of {' and '.join(group.name_of(int(o)) for o in others)}"
        if others.size
        else "is nought"
    )
    column_of = f"the column of {group.name_of(column)} in the design of {names}"
    return (
        f"{node}: its prior is flat, and its posterior cannot be normalised: {column_of} {what}. Leave the column "
        f"out, or give {node} a proper prior, such as Normal(mean, precision)"
    )


__all__ = ["refuse_collinear"]

"""Inverses and products of matrices in stacks, for arrays and for symbolic values."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg


def inverse(matrix: Any, from_factor: bool = False) -> Any:
    """Inverse of each matrix in a stack, or of L L' from each lower Cholesky factor L.

    A symbolic argument says itself how its inverse is recorded, by its method ``_inverse_of``.

    Parameters
    ----------
    matrix : array_like or symbolic, shape (..., d, d)
    from_factor : bool
        Whether the matrices are the factors L.

    Returns
    -------
    ndarray or symbolic, shape (..., d, d)
        NaN where a matrix has no Cholesky factor, or a factor no positive diagonal.

    Examples
    --------
    >>> inverse([[4.0, 0.0], [0.0, 0.5]])
    array([[0.25, 0.  ],
           [0.  , 2.  ]])
    """
    record = getattr(matrix, "_inverse_of", None)
    return positive_inverse(np.asarray(matrix, float), from_factor) if record is None else record(from_factor)


def product(left: Any, right: Any) -> Any:
    """Matrix products, stack by stack; either may be one matrix for all.

    Parameters
    ----------
    left, right : array_like or symbolic, shapes (..., d, d)

    Examples
    --------
    >>> product(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 1.0]]))
    array([[7., 2.],
           [3., 1.]])
    """
    return np.sum(left[..., :, :, None] * right[..., None, :, :], axis=-2)


def turned_product(left: Any, right: Any) -> Any:
    """As :func:`product`, with each of the left matrices transposed."""
    return np.sum(left[..., :, :, None] * right[..., :, None, :], axis=-3)


def applied(matrix: Any, vector: Any) -> Any:
    """Matrices times vectors, stack by stack: shapes (..., d, d) and (..., d)."""
    return np.sum(matrix * vector[..., None, :], axis=-1)


def outer(left: Any, right: Any) -> Any:
    """All products of the entries of two vectors, stack by stack: shapes (..., d), answer (..., d, d)."""
    return left[..., :, None] * right[..., None, :]


def below(matrix: Any) -> Any:
    """Matrices with zeros above the diagonal."""
    return matrix * np.tri(matrix.shape[-1])


def positive_inverse(matrices: np.ndarray, from_factor: bool = False) -> np.ndarray:
    """The plain meaning of :func:`inverse`, matrix by matrix."""
    d = matrices.shape[-1]
    flat = np.asarray(matrices, float).reshape(-1, d, d)
    found = np.full(flat.shape, np.nan)
    for k, matrix in enumerate(flat):
        factor = _factor(matrix, from_factor)
        if factor is not None:
            root = scipy.linalg.solve_triangular(factor, np.eye(d), lower=True, check_finite=False)
            found[k] = root.T @ root
    return found.reshape(matrices.shape)


def _factor(matrix: np.ndarray, from_factor: bool) -> np.ndarray | None:
    """The lower factor, or None where there is none."""
    if from_factor:
        return matrix if np.all(np.diagonal(matrix) > 0.0) else None
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    return factor if np.isfinite(factor).all() else None

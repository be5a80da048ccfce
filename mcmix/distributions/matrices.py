"""Inverses of symmetric positive definite matrices, for arrays and for symbolic values."""

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

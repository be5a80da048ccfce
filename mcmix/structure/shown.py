"""The distribution of what rows of vectors show: their missing coordinates integrated out, pattern by pattern.

Any coordinates of a normal vector are normal themselves, with these entries of mean and covariance. Rows on labels are
the label update's own; here are those without, and new rows of either kind in :mod:`mcmix.structure.other_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mcmix.distributions.mv_normal import MV_NORMAL_COV
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.contributions import Structure, _gaps_of
from mcmix.structure.expression import Expression, constant
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.rewrite import chosen_rows


def has_gaps(factor: Factor) -> bool:
    """Whether a factor is the distribution of rows of normal vectors, some of which miss coordinates."""
    node, family = factor.node, factor.family
    if not isinstance(node, Stochastic) or node.mask is None or family is None or family.vectors is None:
        return False
    return factor.x is not None and any(x.extra is node for x in factor.x.leaves)


def shown_parts(factor: Factor) -> list[tuple[Factor, np.ndarray]]:
    """Factors of what such rows show, each with the rows that it is about; rows that show nothing are in none.

    Parameters
    ----------
    factor : Factor
        For which `has_gaps` says yes.

    Returns
    -------
    list of (Factor, ndarray of int)
        Rows are counted in the order of the factor's elements; complete rows keep the distribution that they have.
    """
    node, family = factor.node, factor.family
    assert isinstance(node, Stochastic) and family is not None
    shape = factor.elements.shape
    n_rows = int(np.prod(shape, dtype=int))
    data = np.asarray(factor.data, dtype=float).reshape(n_rows, -1)
    seen = ~np.asarray(node.mask).reshape(n_rows, -1)
    mean, matrix = (_by_row(p, shape, axes) for p, axes in zip(factor.parameters.values(), (1, 2), strict=True))
    found = []
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        rows, shown = np.flatnonzero(np.ravel(which) == i), np.flatnonzero(pattern)
        if not shown.size:
            continue
        parameters = [_of_rows(mean, 1, n_rows, rows), _of_rows(matrix, 2, n_rows, rows)]
        distribution = family
        if shown.size < data.shape[1]:
            distribution, spread = MV_NORMAL_COV, _COVARIANCE[family.name](parameters[1])
            parameters = [parameters[0][..., shown], spread[..., shown[:, None], shown]]
        known = constant(np.ascontiguousarray(data[np.ix_(rows, shown)]))
        named = dict(zip([p.name for p in distribution.parameters], parameters, strict=True))
        elements = ex.event_density(distribution, known, parameters)
        places = factor.places_of(rows)
        found.append((Factor(node, elements, distribution, known, named, places, factor.column), rows))
    return found


def _by_row(parameter: Expression, shape: tuple[int, ...], axes: int) -> Expression:
    """A parameter that differs by row with one axis for the rows; one that all share as it is."""
    if parameter.ndim == axes:
        return parameter
    event = parameter.shape[-axes:]
    return ex.reshape(ex.broadcast_to(parameter, (*shape, *event)), (-1, *event))


def _of_rows(parameter: Expression, axes: int, n_rows: int, rows: np.ndarray) -> Expression:
    if parameter.ndim == axes or len(rows) == n_rows:
        return parameter
    return chosen_rows(parameter, n_rows, rows)


def _of_factor(factor: Expression) -> Expression:
    return ex.inverse(ex.inverse(factor, from_factor=True))


def _as_it_is(covariance: Expression) -> Expression:
    return covariance


_COVARIANCE: dict[str, Callable[[Expression], Expression]] = {
    "MvNormal": ex.inverse,
    "MvNormalCov": _as_it_is,
    "MvNormalChol": _of_factor,
}


def beside_labels(structure: Structure) -> list[Factor]:
    """Rows of vectors with gaps that depend on no label block, where nothing else depends on the gaps."""
    served = {s.factor for b in structure.blocks for s in b.factors}
    served |= {e.factor for e in structure.forward_sampled}
    recording = structure.recording
    found = [f for f in recording.factors if f not in served and has_gaps(f)]
    return [f for f in found if _gaps_of(f, recording.factors, recording) is not None]


def without_gaps(recording: Recording, factors: Sequence[Factor]) -> Recording:
    """A recording in which these factors are about what their rows show alone."""
    kept = [f for f in recording.factors if f not in factors]
    return replace(recording, factors=[*kept, *(part for f in factors for part, _ in shown_parts(f))])


__all__ = ["beside_labels", "has_gaps", "shown_parts", "without_gaps"]

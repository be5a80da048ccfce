"""The log density of everything that a chain holds, sums in the place of rows where these are enough."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from mcmix.distributions.family import Family, Sums
from mcmix.structure.by_component import RowsByLabel, exact_of
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce
from mcmix.structure.sources import derived
from mcmix.structure.tempering import times_power


def log_density(structure: Structure, tempered: bool = False, kept: Collection[RowsByLabel] = ()) -> Expression:
    """Log density of everything unknown and the data, labels at their present values.

    With `tempered`, at the power of the chain it is computed in, up to a constant of the data; else at power one. Of
    factors whose rows are kept by label, these are gone over.
    """
    total = constant(0.0)
    for e in [*structure.contributions, *structure.forward_sampled]:
        own = exact_of(e, kept)
        total = elementwise("add", total, times_power(reduce("sum", own), tempered and e.tempered))
        if e.over == "cells" and not e.differs_by_cell:
            total = elementwise("add", total, _left_out_by_sums(e))
    return total


_ANYWHERE = {"probability": 0.5, "positive": 1.0, "nonnegative": 1.0, "real": 0.0, "count": 1.0}


def _left_out_by_sums(e: Contribution) -> Expression:
    """What the log likelihood from sums leaves out: a constant of the data, read off at some allowed parameters."""
    family, x = e.factor.family, e.factor.x
    if family is not None and family.vectors is not None:
        return constant(0.0)  # theirs are complete
    rows = None if e.factor.column is None else e.factor.column.on_disk
    assert family is not None and family.statistics is not None and x is not None
    known = family.statistics.known
    values = {
        p.name: float(np.unique(e.parameters[p.name].known)[0]) if p.name in known else _ANYWHERE[p.constraint]
        for p in family.parameters
    }
    if rows is not None:
        parts = (_left_out(family, values, constant(block.astype(float))) for block in rows.blocks())
        return constant(sum(float(part.known) for part in parts))
    return _left_out(family, values, x)


def _left_out(family: Family, values: Mapping[str, float], x: Expression) -> Expression:
    """The same, at these parameters."""
    assert family.statistics is not None
    y = np.asarray(x.value, dtype=float)
    columns = [np.asarray(c.transform(y), dtype=float) for c in family.statistics.columns]
    asks = [c.square for c in family.statistics.columns]
    sums = Sums(
        float(y.size),
        tuple(c.sum() for c in columns),
        tuple((c * c).sum() if q else None for c, q in zip(columns, asks, strict=True)),
        tuple(0.0 for _ in columns),
    )
    # The exact log likelihood and that of the sums differ by a function of the data alone, so any allowed parameters
    # tell.
    exact = family.logpdf(y, *values.values()).sum()
    found = float(exact - np.sum(family.statistics.log_likelihood(sums, values)))
    key = "left out by sums", id(family), tuple(values.values())
    return derived(key, lambda other: _left_out(family, values, other), found, [x])


__all__ = ["log_density"]

"""The same model on other rows of the same shapes: what was recorded is made again, and no function is called.

Constants know which columns of the data they were made of (:mod:`mcmix.structure.sources`), so that every expression
can be made of the columns of other rows. Where the numbers of a column decided how something is written
(:mod:`mcmix.structure.reads`), the model is recorded anew, which is right always.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcmix.errors import TraceError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.model import Model
from mcmix.structure.columns import Column
from mcmix.structure.expression import Expression
from mcmix.structure.reads import reads_noted
from mcmix.structure.recorded import Factor, Recording
from mcmix.structure.recording import distribution_elements, record
from mcmix.structure.rewrite import NotSeparable, rebuilt
from mcmix.structure.rows import Rows
from mcmix.structure.sources import remade
from mcmix.structure.walks import ordered


def on_rows(recording: Recording, rows: Rows, model: Model) -> Recording:
    """A model, recorded before, on other rows; its factors are whole, as :func:`record` leaves them.

    Parameters
    ----------
    recording : Recording
        Of the model on some rows, cut or not; no plates were gathered in it.
    rows : Rows
        Of the same nodes and shapes.
    model : Model

    Returns
    -------
    Recording
        As ``record(model, rows=rows)`` makes it.

    Raises
    ------
    ModelError
        If the rows have other nodes or shapes.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
    >>> model = mc.Model([mu])
    >>> written = record(model)
    >>> on_rows(written, written.rows.with_values({"y": [3.0, 4.0]}), model).values[y]
    constantarray([3., 4.])
    """
    rows.refuse_other_shapes(model)
    if needs_recording(recording, rows):
        return record(model, rows=rows)
    try:
        with reads_noted() as decided_by:
            found = _OnRows(recording, rows).recording()
    except (TraceError, NotSeparable):  # these numbers do not go where the others did
        return record(model, rows=rows)
    found.decided_by |= decided_by
    return found


def needs_recording(recording: Recording, rows: Rows) -> bool:
    """Whether the numbers that differ decided how something is written, or it is not written as the nodes are."""
    changed = {c for n, c in recording.rows.items() if c is not rows[n]}
    whole = any(n.mask is not None and x.shape != n.state_shape for n, x in recording.leaves.items())
    return bool(changed & recording.decided_by) or bool(recording.plates) or whole


def expression_on_rows(x: Expression, rows: Rows) -> Expression:
    """An expression with the columns of other rows of the same shapes.

    Only what its constants remember is followed: of an expression that structure was found in, and that numbers of the
    data decided upon, ask the recording.
    """
    return _OnRows(Recording(), rows).of(x)


class _OnRows:
    """Makes expressions again, each once."""

    def __init__(self, old: Recording, rows: Rows):
        self.old, self.rows = old, rows
        self._done: dict[Expression, Expression] = {}
        self._remade: dict[Any, Expression] = {}

    def of(self, x: Expression) -> Expression:
        """An expression, made of the columns of these rows."""
        for part in ordered(x, self._done):
            if part.source is not None:
                self._done[part] = remade(part.source, self.rows, self._remade)
            else:
                self._done[part] = rebuilt(part, [self._done[a] for a in part.arguments])
        return self._done[x]

    def recording(self) -> Recording:
        """The recording as it is written, on these rows."""
        old = self.old
        factors = old.factors if old.written is None else old.written
        return Recording(
            dict(old.leaves),
            {n: self.of(x) for n, x in old.values.items()},
            [self._factor(f) for f in factors],
            dict(old.opaque),
            rows=self.rows,
            decided_by=self._columns(old),
        )

    def _columns(self, old: Recording) -> set[Column]:
        return {self.rows[c.node] for c in old.decided_by}

    def _factor(self, factor: Factor) -> Factor:
        column = None if factor.column is None else self.rows[factor.column.node]
        x = None if factor.x is None else self.of(factor.x)
        parameters = {name: self.of(p) for name, p in factor.parameters.items()}
        node, family = factor.node, factor.family
        if isinstance(node, Distribution) and family is not None and x is not None:
            shape = node.shape[: len(node.shape) - family.event_ndim]
            elements = distribution_elements(family, x, list(parameters.values()), shape)
        else:
            elements = self.of(factor.elements)
        return replace(factor, elements=elements, x=x, parameters=parameters, column=column)


__all__ = ["expression_on_rows", "needs_recording", "on_rows"]

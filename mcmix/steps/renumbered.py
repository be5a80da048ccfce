"""A compiled model on other rows: where its plan does not depend on their numbers, these alone are put in their place.

What is made of the data's columns stands in constants that know how they were made (:mod:`mcmix.structure.sources`).
Who looks at such numbers for another reason while a plan is made is noted (:mod:`mcmix.structure.reads`), and then the
plan is made anew. Everything else keeps constants rather than their numbers, or is asked to take the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.kernels.base import address_of
from mcmix.steps.layout import Program
from mcmix.steps.plan import CompiledModel
from mcmix.steps.program import ADDRESSES, numbers_of
from mcmix.structure.columns import Column
from mcmix.structure.reads import reads_noted
from mcmix.structure.rewrite import NotSeparable
from mcmix.structure.rows import Rows
from mcmix.structure.sources import remade
from mcmix.structure.stacked import NotAlike
from mcmix.structure.symbols import Expression, renumber


def renumbered(compiled: CompiledModel, rows: Rows) -> bool:
    """Put the numbers of other rows into a compiled model, where its plan is theirs as well; whether that was done.

    Chains that were bound before keep the numbers that they had; whoever else holds the model, sees the new ones.

    Parameters
    ----------
    compiled : CompiledModel
        Of rows that are nobody else's: the nodes' own data are never overwritten.
    rows : Rows
        Of the same nodes and shapes.

    Returns
    -------
    bool
        If not, nothing was changed: the model is to be assembled anew.
    """
    changed = [c for n, c in compiled.rows.items() if c is not rows[n]]
    apart = any(s.in_python or s.before_labels for s in compiled.steps)  # these keep programs of their own
    if apart or not all(_may_change(c, rows[c.node], compiled) for c in changed):
        return False
    found = _constants(changed, rows)
    if found is None:
        return False
    new = {x: numbers for x, numbers in found}
    programs = [_Renumbered(p, new) for p in compiled.plan.programs if p.numbers]
    if not all(p.fits for p in programs):
        return False
    for column in changed:
        column.take(rows[column.node])
    for x, numbers in found:
        renumber(x, numbers)
    for p in programs:
        p.put()
    for label_pass in compiled.label_passes:
        label_pass.renumber()
    return True


def _may_change(old: Column, new: Column, compiled: CompiledModel) -> bool:
    """Whether a column's numbers decided nothing, are nobody else's, and are of the type of the new ones."""
    if old in compiled.decided_by or old.is_own or old.is_object or old.missing is not None:
        return False
    written = any(f.column is old and _is_written_in(f.family) for f in compiled.recording.factors)
    return not written and np.asarray(old.values).dtype == np.asarray(new.values).dtype


def _is_written_in(family: Any) -> bool:
    """Whether a family writes its density out with the numbers themselves."""
    return family is None or family.expression is not None


def _constants(changed: list[Column], rows: Rows) -> list[tuple[Expression, np.ndarray]] | None:
    """The constants made of some columns, and what they are on other rows; None where that would not fit."""
    done: dict[Any, Expression] = {}
    old = {id(x): x for c in changed for x in c.constants.values()}
    try:
        with reads_noted() as read:
            found = [(x, remade(x.source, rows, done)) for x in old.values()]
    except (TraceError, NotSeparable, NotAlike):
        return None
    if read or any(not y.is_constant or (x.shape, x.kind) != (y.shape, y.kind) for x, y in found):
        return None
    return [(x, np.asarray(y.value)) for x, y in found]


@dataclass
class _Renumbered:
    """A program, and the numbers that its constants are to have."""

    program: Program
    new: dict[Expression, np.ndarray]

    def __post_init__(self) -> None:
        self.arrays = [numbers_of(self.new[x]) for x, _ in self.program.numbers if x in self.new]
        self.told = [(x, old) for x, old in self.program.numbers if x in self.new]

    @property
    def fits(self) -> bool:
        """Whether as many numbers stand for each constant: equal ones stand once."""
        return all(old.size == new.size for (_, old), new in zip(self.told, self.arrays, strict=True))

    def put(self) -> None:
        """Let the program read the new ones; what was bound before reads the old ones, and keeps them."""
        program = self.program
        moved = {address_of(old): address_of(new) for (_, old), new in zip(self.told, self.arrays, strict=True)}
        for slot in ADDRESSES:
            for row in np.flatnonzero(program.relative[:, slot] == 0):
                program.code[row, slot] = moved.get(int(program.code[row, slot]), program.code[row, slot])
        kept = {id(old) for _, old in self.told}
        program.kept = [*(k for k in program.kept if id(k) not in kept), *self.arrays]
        rest = [(x, old) for x, old in program.numbers if x not in self.new]
        program.numbers = [*rest, *((x, new) for (x, _), new in zip(self.told, self.arrays, strict=True))]


__all__ = ["renumbered"]

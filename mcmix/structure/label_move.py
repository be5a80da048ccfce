"""What the label permutation move weighs: everything that a swap of two components may change but the likelihood."""

from __future__ import annotations

from dataclasses import dataclass

from mcmix.structure.block_tables import unknown_parts
from mcmix.structure.contributions import Contribution, LabelBlock, Structure
from mcmix.structure.expression import Expression, elementwise, reduce
from mcmix.structure.table_reading import Tables
from mcmix.structure.told_apart import beside_the_likelihood


@dataclass(frozen=True)
class Move:
    """What is weighed when two components are swapped.

    Attributes
    ----------
    contributions : list of Contribution
        Everything that depends on the tables, but for likelihood and label prior of the block.
    complete : bool
        Whether that is all: not so where known labels stand among the block's factors.
    beyond_priors : bool
        Whether it is more than the priors of the tables' variables.
    counts : Expression or None
        What known weights say of the numbers of units, where they differ.
    """

    contributions: list[Contribution]
    complete: bool
    beyond_priors: bool
    counts: Expression | None

    @property
    def target(self) -> Expression:
        """Log density of all this."""
        total: Expression = elementwise("add", 0.0, 0.0)
        for x in [*[e.elements for e in self.contributions], *([] if self.counts is None else [self.counts])]:
            total = elementwise("add", total, reduce("sum", x))
        return total


def move_of(read: Tables, block: LabelBlock, structure: Structure) -> Move:
    """What is weighed when components of a block change places."""
    about = beside_the_likelihood(read, block, structure)
    priors = [structure.recording.factor_of(v) for v in read.variables]
    return Move(
        about,
        len(unknown_parts(block)) == len(block.factors),
        any(e.factor not in priors for e in about),
        _count_weights(block) if read.counted else None,
    )


def _count_weights(block: LabelBlock) -> Expression | None:
    if block.log_weights is None:
        return None
    return elementwise("where", elementwise("greater", block.counts, 0), block.counts * block.log_weights, 0.0)


__all__ = ["Move", "move_of"]

"""Whether moves with the labels summed out can be offered for a model, and whether they are worth their price."""

from __future__ import annotations

from collections.abc import Collection

from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.marginal import MarginalMove, has_vectors, summed_out
from mcmix.steps.marginal_density import has_slopes
from mcmix.steps.passes import AllRows
from mcmix.steps.targets import is_discrete
from mcmix.structure.contributions import LabelBlock, Structure

BESIDE = 60_000  # densities of a label update up to which moves given labels are made too: they leave narrow places
OF_VECTORS = 3  # as dear is the density of a vector as that of a number
MOST_FREE = 500  # free coordinates that are moved at once without being asked to
MUCH = 10  # times fewer rows


def offered(structure: Structure, taken: Collection[Stochastic]) -> MarginalMove | str:
    """The move of all continuous unknowns that data depend on and no other step was asked for; or why there is none."""
    nodes = [n for n in structure.recording.leaves if n not in taken and _can_move(n, structure)]
    if not nodes:
        return "no continuous unknown is left to be moved with the labels summed out"
    block = summed_out(structure)
    beside = not isinstance(block, str) and _is_cheap(block)
    why = "all continuous unknowns at once" + (", beside their own steps" if beside else "")
    try:
        return MarginalMove(nodes, structure, why, beside)
    except TypeError as error:
        rest = [] if isinstance(block, str) else [n for n in nodes if _moves_alone(n, structure)]
        if not rest:
            return f"labels are not summed out: {error}"
        why += f", but for those below something without a derivative ({error})"
        return MarginalMove(rest, structure, why, beside)


def pays(move: MarginalMove) -> bool:
    """Whether it is worth its price: where it moves all, and rows are few, or few weighted ones stand for them.

    Not where unknowns are so many that a search with second derivatives takes minutes, and moves of all at once are
    small. Where all rows of vectors are weighed, label updates go on as they are unless moves are asked for: these
    take many times as long.
    """
    if not move.moves_all or move.density.free > MOST_FREE:
        return False
    if move.density.block.distribution.ahead is not None:  # all states are drawn at once: label updates mix well
        return False
    if _is_cheap(move.density.block):
        return not move.of_vectors
    return not move.levels.why_not and (not move.of_vectors or _saves_much(move))


def _saves_much(move: MarginalMove) -> bool:
    """Whether so few rows stand for vectors that a gradient of these costs less than a few label updates."""
    few = move.levels.level(move.levels.first + 2)
    return few is not None and MUCH * few.n_units <= move.density.units


def _is_cheap(block: LabelBlock) -> bool:
    """Whether weighing all rows costs little, and labels are drawn.

    Of rows that stand for many on disk none are, nor of rows with weights whose sums do not say all: steps beside would
    ask for a label of each row.
    """
    dearer, rows = OF_VECTORS if has_vectors(block) else 1, AllRows.of(block)
    by_number = rows.weights is None or (rows.whole and all(s.cells is not None for s in block.factors))
    return dearer * block.label.n_units * block.label.n_labels <= BESIDE and by_number


def _moves_alone(node: Stochastic, structure: Structure) -> bool:
    try:
        MarginalMove([node], structure)
    except TypeError:
        return False
    return True


def _can_move(node: Stochastic, structure: Structure) -> bool:
    return (
        not is_discrete(node)
        and node.mask is None
        and node not in structure.held
        and not structure.is_forward_sampled(node)
        and has_slopes(node)
    )


__all__ = ["offered", "pays"]

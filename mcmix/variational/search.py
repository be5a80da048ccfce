"""An ascent to a place that no move leaves: accelerated iterations, and moves between optima where it slows down."""

from __future__ import annotations

import numpy as np

from mcmix.structure.contributions import Structure
from mcmix.variational.ascent import Ascent
from mcmix.variational.convergence import LOOKED_AT, NATS, Tolerance
from mcmix.variational.engine import Engine
from mcmix.variational.moves import Moves
from mcmix.variational.starts import THINNED, is_long

MOST_HASTY = 300  # iterations
PATIENCE = 100  # iterations without a move, after which a slow ascent is taken for one at rest
RISEN = 1.0  # nats since no move led higher, from which on moves are tried again


class Search:
    """Where an ascent with one start is on its way.

    At rest all moves are tried. Components too many make an ascent slow, so that where passes are long merges are tried
    before it is at rest: once iterations gain less than the logarithm of the number of units, about what one more
    parameter costs, and for more than that. On small data such merges would at times lead to a lower rest; there moves
    wait for a rest, or for many slow iterations.

    Parameters
    ----------
    engine : Engine
    structure : Structure
    """

    def __init__(self, engine: Engine, structure: Structure):
        self.ascent, self.moves = Ascent(engine), Moves(engine, structure)
        self.slow = Tolerance(float(np.log(max([2, *[p.label.n_units for p in engine.passes]]))))
        self.early = is_long(engine)
        self.moving, self.stuck, self.moved = False, -np.inf, 0

    def hasten(self, moves: bool) -> None:
        """Where passes are long: go on from a start, moves included, by some of the rows, until that is slow.

        These rows are taken as if there were no others: were they counted for all, noise would be, too, and speak for
        components too many.
        """
        engine = self.ascent.engine
        bounds: list[float] = []
        if not is_long(engine):
            return
        engine.thin(THINNED)
        engine.weigh([0])
        engine.update()
        while len(bounds) < MOST_HASTY and not self.iterate(bounds, self.slow, moves):
            pass
        engine.thin(0)
        self.ascent.forget()
        self.early, self.moving, self.stuck, self.moved = False, False, -np.inf, 0

    def iterate(self, history: list[float], tolerance: Tolerance, moves: bool) -> bool:
        """One iteration, or a move; the bound before it is added to a history. Whether there is nothing left to gain.

        Where there is, factors are one step further than the bound that is told; where not, they stand there.
        """
        before = history[-1] if history else float("nan")
        history.append(self.ascent.measure(before, len(history) + 1))
        recent = np.array(history[-LOOKED_AT:])[:, None]
        at_rest = bool(tolerance.reached(recent)[0])
        if moves and (at_rest or (tolerance.ends and self._slow(recent, len(history)))):
            self.moving = self._move(history, max(tolerance.nats, NATS) if at_rest else self.slow.nats, at_rest)
        else:
            self.moving = False
        if at_rest and not self.moving:
            return True
        self.ascent.step()
        return False

    def _slow(self, recent: np.ndarray, iterations: int) -> bool:
        """Whether moves are due although there is no rest yet."""
        waited = iterations - self.moved > PATIENCE
        return (self.early and self.moving) or ((self.early or waited) and bool(self.slow.reached(recent)[0]))

    def _move(self, history: list[float], gain: float, at_rest: bool) -> bool:
        """Whether a move was made; where passes are long and there is no rest yet, merges alone are tried."""
        bound, all_of_them = history[-1], at_rest or not self.early
        if bound < self.stuck + RISEN:
            return False
        moved = self.moves.improve(bound, gain, merges_alone=not all_of_them) is not None
        self.moved, self.early = len(history), self.early and moved
        if moved:
            self.ascent.forget()
        elif at_rest:
            self.stuck = bound
        return moved


__all__ = ["Search"]

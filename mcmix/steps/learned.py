"""What moves with the labels summed out learn in burn-in: the array that kernels read, by names."""

from __future__ import annotations

import numpy as np

from mcmix.kernels import marginal_moves as moves
from mcmix.steps.groups import Groups
from mcmix.steps.proposals import Proposals, read, table_size

FIRST_STEP = 0.6  # of a trajectory, in standard deviations
ANCHOR = 1.5  # what step sizes are drawn to at first
UNKNOWN_WIDTH = 0.3  # of every direction, until more is known
HISTORY = 450  # points of burn-in that are kept, the last ones
MOST_DIRECTIONS = 60  # in which independent proposals are made
FEWEST_POINTS = 20  # of a chain, that say anything of it
AT_FIRST = 0.3  # share of independent proposals that is taken to be accepted


class Sizes:
    """How much a chain learns.

    Parameters
    ----------
    free : int
        Free coordinates.
    groups : Groups
        Where those of components are.
    goes_round : bool
        Whether some of them are angles.

    Attributes
    ----------
    proposals, redraws : int
        Numbers of the tables of independent proposals, for all unknowns and for one component's.
    history : int
        Points of burn-in that are kept.
    """

    def __init__(self, free: int, groups: Groups, goes_round: bool):
        self.free, self.groups = free, groups
        self.proposals = 0 if goes_round or free > MOST_DIRECTIONS else table_size(free)
        self.redraws = table_size(groups.width) if self.proposals and groups.redrawn else 0
        self.history = HISTORY if self.proposals else 0


class Learned:
    """One chain's: step size and metric of trajectories, tables of proposals, points of burn-in.

    Parameters
    ----------
    sizes : Sizes

    Attributes
    ----------
    array : ndarray
        As the kernels read it, part of a saved state.
    """

    def __init__(self, sizes: Sizes):
        self._sizes, self.free, free = sizes, sizes.free, sizes.free
        state = np.zeros(moves.STATE)
        state[[moves.LOG_STEP, moves.MEAN_LOG_STEP]], state[moves.ANCHOR] = np.log(FIRST_STEP), np.log(ANCHOR)
        state[[moves.MOVES, moves.STRIDE, moves.TRIES, moves.OFTEN, moves.REPEATS]] = 1.0
        metric = [np.zeros(free), UNKNOWN_WIDTH * np.eye(free).ravel(), np.full(free, moves.ENOUGH)]
        self.array = np.concatenate([state, *metric, np.zeros(sizes.proposals + sizes.redraws + sizes.history * free)])
        self._tables = moves.STATE + 2 * free + free * free  # where they start

    def propose(self, these: Proposals) -> None:
        """Let independent proposals be these; how often they are accepted is to be seen."""
        told = these.told()
        self.array[self._tables : self._tables + told.size] = told
        self.array[moves.ACCEPTED] = max(self.array[moves.ACCEPTED], AT_FIRST)

    @property
    def proposed(self) -> Proposals | None:
        """What independent proposals are drawn from."""
        return read(self.array[self._tables :], self.free) if self._sizes.proposals else None

    def redraw(self, these: Proposals) -> None:
        """Let parameters of a component that is nearly empty be drawn from these."""
        told, start = these.told(), self._tables + self._sizes.proposals
        self.array[start : start + told.size] = told

    @property
    def points(self) -> np.ndarray:
        """Where the chain was in burn-in, components in their order, the oldest first (n, d)."""
        before = self._tables + self._sizes.proposals + self._sizes.redraws
        kept, n = self.array[before:], int(self.array[moves.POINTS_KEPT])
        points = kept.reshape(-1, self.free)
        return np.roll(points, -(n % len(points)), axis=0) if n >= len(points) else points[:n]

    @property
    def choice(self) -> np.ndarray:
        """What a sweep has.

        Independent proposals, and how often one is accepted; how often trajectories are made; label updates; effective
        draws for each evaluation, by proposals and by trajectories.
        """
        places = moves.TRIES, moves.ACCEPTED, moves.OFTEN, moves.REPEATS, moves.BY_PROPOSALS, moves.BY_TRAJECTORIES
        return np.asarray(self.array[list(places)])

    def metric(self, mode: np.ndarray, factor: np.ndarray) -> None:
        """Let trajectories have this metric, which stays where proposals for components are known.

        There chains wander between places where components have changed their parts, or have no units; a covariance of
        all that is no place's.
        """
        if self._sizes.redraws:
            factor, self.array[moves.FIXED] = np.diag(self._sizes.groups.widths(factor)), 1.0
        self.array[moves.STATE : moves.STATE + self.free + self.free**2] = np.concatenate([mode, factor.ravel()])

    def without_metric(self, here: np.ndarray) -> None:
        """Let the metric follow the chain quickly: nothing is known of it."""
        self.array[moves.STATE : moves.STATE + self.free] = here
        self.array[moves.LEARNED] = -moves.POINTS * self.free


def sweeps_of_a_draw(by_chain: list[np.ndarray]) -> float:
    """Sweeps that an effective draw takes, by how far the means of chains are apart, in the slowest coordinate.

    The variance of a mean of n draws is n times smaller than theirs, times the sweeps that an effective draw takes.
    """
    length = min(len(points) for points in by_chain)
    if length < FEWEST_POINTS or len(by_chain) < 2:
        return 1.0
    points = np.stack([p[-length:] for p in by_chain])
    within = points.var(axis=1).mean(axis=0)
    return float(np.max(length * points.mean(axis=1).var(axis=0, ddof=1) / np.maximum(within, 1e-300)))


__all__ = ["Learned", "Sizes", "sweeps_of_a_draw"]

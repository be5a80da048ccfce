"""Moves of all continuous unknowns of a mixture at once, with the labels summed out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import marginal as kernels
from mcmix.kernels import marginal_moves as moves
from mcmix.kernels.base import address_of
from mcmix.kernels.records import seen
from mcmix.kernels.transforms import CIRCLE
from mcmix.nodes.ancestral import drawn_forward
from mcmix.nodes.node import short
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step
from mcmix.steps.basins import Basin, basin_of, components_of, emptied, searched, sweeps_given_labels
from mcmix.steps.groups import Groups
from mcmix.steps.learned import Learned, Sizes, sweeps_of_a_draw
from mcmix.steps.marginal_density import BoundDensity, MarginalDensity
from mcmix.steps.proposals import Proposals, fitted, one_part
from mcmix.steps.weighted import WeightedLevels
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.gradients import NoDerivative

SPREAD = 1.5  # of starts about a mode, in standard deviations
HALVINGS = 12  # of the spread of a start, until its density is a number
ROUGH = 1.0  # nats by which they may differ while a mode is looked for
ROUNDING = 1e-12  # nats for each row: what adding up so many may lose
MOST_REPEATS, REPEATED = 30.0, 400_000  # label updates of a sweep, and densities of these
WANTED = 250.0  # effective draws of a chain
KEPT = 0.1  # of the points that proposals are fitted to, from those before
PRIOR_DRAWS, FEWEST_DRAWS = 200, 20  # of components, and of all unknowns


class MarginalMove(Step):
    """Moves of continuous unknowns with the labels summed out, which follow in the label update.

    Independent proposals from a mixture of multivariate t distributions that all chains fit to their burn-in,
    Hamiltonian Monte Carlo, and new parameters for components that are nearly empty; how much of each is learned in
    burn-in.

    Where the log likelihood needs of the rows only sums of smooth functions, few weighted rows stand for them
    (:mod:`mcmix.structure.weighted_rows`).

    Parameters
    ----------
    variables : sequence of Stochastic
        Continuous.

    Raises
    ------
    TypeError
        If there is no one label vector whose rows separate, or something has no derivative: what, is said.

    Examples
    --------
    >>> import mcmix as mc
    >>> w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, sigma=5.0, size=2)
    >>> y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=[0.1, 0.4, 2.9, 3.3], observed=True)
    >>> m = mc.MCMC([y], marginal_moves=True)
    >>> [s.name for s in m.step_methods if isinstance(s, mc.MarginalMove)]
    ['labels summed out']
    """

    name = "labels summed out"
    before_labels = True
    several = True
    lenient = False  # nobody asked for it: where the gradient is not finite, other steps go on alone
    meetings = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", beside: bool = False):
        super().__init__(variables, reason or "chosen by the user")
        names = ", ".join(v.name for v in self.variables)
        block = summed_out(structure)
        if isinstance(block, str):
            raise TypeError(f"{names}: {block}")
        try:
            self.density = MarginalDensity(structure, block, self.variables)
        except NoDerivative as error:
            raise TypeError(f"{names}: {error}") from error
        self.beside_others = beside
        self._at_level: dict[int, MarginalDensity] = {}
        self._bound: dict[int, Bound] = {}
        self._found: tuple[int, Basin | None] | None = None
        self._alone: Proposals | None = None  # for one component
        self._without: list[tuple[int, np.ndarray]] | None = None  # which can be done without

    @cached_property
    def levels(self) -> WeightedLevels:
        """How the rows may be replaced by few."""
        return WeightedLevels(self.density.block)

    def compile(self, plan: Plan) -> None:
        """Places for what a chain keeps."""
        plan.layout.place(("counter", self), 2)
        plan.layout.place(("work", self), self.density.workspace)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        bound, learned = self._over(self.density, chain), Learned(self._sizes)
        self._bound[id(chain)] = Bound(bound.record.copy(), learned, bound)
        return [Call(moves.marginal_move.address, self._bound[id(chain)].record, learned.array, self, True)]

    @cached_property
    def _sizes(self) -> Sizes:
        """Of what a chain learns. Angles get no independent proposals: their densities go round and have no tails."""
        density = self.density
        return Sizes(density.free, self._groups, any(p.transform == CIRCLE for p in density.pieces))

    @cached_property
    def _groups(self) -> Groups:
        """Where free coordinates of components are."""
        return Groups(components_of(self.density))

    def _over(self, density: MarginalDensity, chain: Chain) -> BoundDensity:
        bound = density.bound(chain, chain.view(("work", self)), chain.address(("counter", self)))
        told, groups, sizes = seen(kernels.TARGET, bound.record), self._groups, self._sizes
        told.components, told.exchangeable = groups.n_components, groups.exchangeable
        told.groups, told.n_groups = address_of(groups.told) if groups.n_components else 0, len(groups.told)
        told.proposals, told.redraws, told.history = sizes.proposals, sizes.redraws, sizes.history
        told.lenient = self.lenient and self.beside_others
        return bound

    def meet(self, chains: Sequence[Chain]) -> None:
        """Learn from all chains what independent proposals are drawn from, and how many label updates a sweep has."""
        learned = [self._bound[id(c)].learned for c in chains]
        before = learned[0].proposed
        if before is None:
            return
        by_chain = [one.points for one in learned]
        repeats = self._repeats(learned[0], sweeps_of_a_draw(by_chain), chains[0].planned)
        for one in learned:
            one.array[moves.REPEATS] = repeats
        if repeats == 1.0 and np.mean([one.array[moves.ACCEPTED] for one in learned]) > moves.GOOD:
            return
        points = np.concatenate(by_chain)
        kept = before.draws(int(KEPT * len(points)), chains[0].rng)  # what chains may have forgotten
        found = fitted(np.concatenate([kept, points]), [before], chains[0].rng)
        for one in learned:
            if found is not None:
                one.propose(found)

    def _repeats(self, learned: Learned, sweeps: float, planned: int) -> float:
        """Label updates of a sweep, for WANTED draws from the sweeps planned, where one takes so many sweeps now."""
        label, now = self.density.block.label, learned.array[moves.REPEATS]
        if not self.beside_others:
            return float(now)
        most = max(1.0, min(MOST_REPEATS, REPEATED / (label.n_units * label.n_labels)))
        return float(np.ceil(np.clip(now * sweeps * WANTED / max(planned, 1), 1.0, most)))

    def repeats(self, chain: Chain) -> int:
        """As often as the means of chains in burn-in asked for."""
        return int(self._bound[id(chain)].learned.array[moves.REPEATS])

    def _about_mode(self, found: Basin) -> Proposals:
        """Proposals about a mode, components in order."""
        if not self._groups.exchangeable:
            return one_part(found.mode, found.factor)
        order = self._groups.order_map(found.mode)
        return one_part(order @ found.mode, np.linalg.cholesky(order @ found.factor @ found.factor.T @ order.T))

    def settle(self, chain: Chain, given: Collection[Stochastic]) -> None:
        """Find the best mode and the metric there, and start spread out about it."""
        here = self._bound[id(chain)].density.where()
        stays = bool(set(given) & set(self.variables))
        # A start that is given as a whole may be a draw already: what is done with it must not depend on it.
        whole = set(self.variables) <= set(given)
        level, found = (self.levels.first, None) if whole else self._basin(chain, here, stays)
        own = self._bound[id(chain)].learned
        self._tell_of_one(chain, own)
        if found is None:
            self._go_over(chain, *self._fit(chain, here, level, self.exact))
            own.without_metric(here)
            return
        start = here
        if not stays:
            start = self._first_point(self._over(self._density_at(level) or self.density, chain), found, chain)
        level, bound = self._fit(chain, start, level, self.exact)
        self._go_over(chain, level, bound)
        own.metric(found.mode, found.factor)
        if self._sizes.proposals:
            own.propose(self._about_mode(found))
        bound.move(start)

    def sweeps_given_labels(self, chain: Chain) -> float:
        """Sweeps of updates given labels that an effective draw would take, near the mode above where a chain is."""
        bound = self._over(self._density_at(self.levels.first) or self.density, chain)
        return sweeps_given_labels(bound, bound.where())

    @property
    def weighs_all_in_parts(self) -> bool:
        """Whether each move goes over all rows, in parts."""
        return bool(self.levels.why_not) and next(iter(self.density.passes.values())).n_parts > 1

    @property
    def of_vectors(self) -> bool:
        """Whether rows of vectors are weighed."""
        return has_vectors(self.density.block)

    def _first_point(self, bound: BoundDensity, found: Basin, chain: Chain) -> np.ndarray:
        """Where a chain starts: about the mode, or, every other one, where a component has hardly any units."""
        if self._without is None:
            parts = components_of(self.density)
            self._without = [] if parts is None else emptied(bound, parts, found)
        if self._without and self._alone is not None and len(self.chains) % 2 == 0:
            start = self._groups.with_component(*self._without[0], self._alone.draws(1, chain.rng)[0])
            if np.isfinite(bound(start)[0]):
                return start
        return _spread(bound, found, chain.rng)

    def _tell_of_one(self, chain: Chain, learned: Learned) -> None:
        """Let parameters of a component that is nearly empty be drawn from what they may be without data."""
        if not self._sizes.redraws:
            return
        if self._alone is None:  # the model's, whatever the data and the run
            rng = np.random.Generator(np.random.SFC64(0))
            self._alone = fitted(self._component_draws(chain, rng), [], rng)
        if self._alone is not None:
            learned.redraw(self._alone)

    def _component_draws(self, chain: Chain, rng: np.random.Generator) -> np.ndarray:
        """Free coordinates of single components, drawn from the prior; none where a prior cannot be drawn from."""
        bound, kept = self._bound[id(chain)].density, {n: chain.view(n).copy() for n in self.density.nodes}
        found: list[np.ndarray] = []
        try:
            for _ in range(max(PRIOR_DRAWS // self._groups.n_components, FEWEST_DRAWS)):
                drawn = drawn_forward(self.density.nodes, {}, rng, list(self.density.structure.recording.rows))
                for node in kept:
                    chain.put(node, drawn[node])
                found += self._groups.of_each(bound.where())
        except ModelError:
            found = []
        for node, value in kept.items():
            chain.view(node)[:] = value
        draws = np.array(found).reshape(-1, self._groups.width)
        return draws[np.isfinite(draws).all(axis=1)]

    def _basin(self, chain: Chain, here: np.ndarray, stays: bool) -> tuple[int, Basin | None]:
        """The basin that a chain starts in, and how fine weighted rows must be there.

        The first chain looks for it, also for the others where these hold no unknowns of their own.
        """
        if self._found is not None and not stays and self.moves_all:
            return self._found
        parts = None if stays else components_of(self.density)
        level, bound = self._fit(chain, here, self.levels.first, np.inf if self.of_vectors else ROUGH)
        near = searched(bound, parts, here, chain.rng)
        while bound.difference(near) > ROUGH:
            level, bound = self._fit(chain, near, level + 1, ROUGH)
            near = searched(bound, parts, near, chain.rng)
        level, bound = self._fit(chain, near, level, self.exact)
        found = basin_of(bound, near)
        while found is not None and bound.difference(found.mode) > self.exact:
            level, bound = self._fit(chain, found.mode, level + 1, self.exact)
            found = basin_of(bound, found.mode)
        self._found = level, found
        return self._found

    @property
    def exact(self) -> float:
        """Nats by which weighted rows may differ from all of them where a chain starts."""
        return max(self.levels.nats, ROUNDING * self.density.units)

    @property
    def moves_all(self) -> bool:
        """Whether nothing but labels is unknown beside what it moves, in what data depend on."""
        structure, block = self.density.structure, self.density.block
        drawn = {block.label.node, *(s.factor.node for s in block.factors if s.gaps is not None)}
        others = {n for n in structure.recording.leaves if not structure.is_forward_sampled(n)} - drawn
        return others <= set(self.variables)

    def resume(self, chain: Chain) -> None:
        """Go over the weighted rows that the chain went over."""
        level = int(self._numbers(chain)[kernels.LEVEL]) - 1
        density = self._density_at(level) if level >= 0 else None
        self._bound[id(chain)].go_over(self._over(density or self.density, chain))

    def _go_over(self, chain: Chain, level: int, bound: BoundDensity) -> None:
        self._refuse_too_narrow(bound)
        self._bound[id(chain)].go_over(bound)
        self._numbers(chain)[kernels.LEVEL] = 0 if bound.density.fewer is None else level + 1

    def _refuse_too_narrow(self, bound: BoundDensity) -> None:
        """Refuse weighted rows in the place of those on disk where bins of twice the width say something else.

        Raises
        ------
        ModelError
        """
        rows = next(iter(self.density.passes))
        if bound.density.fewer is None and rows.weights is not None and not rows.counted and not self.levels.why_not:
            names = ", ".join(s.factor.node.name for s in self.density.block.factors)
            raise ModelError(
                f"{names}: expected components of some width, got ones so narrow where a chain starts that weighted "
                "rows cannot stand for those on disk; with OnDisk(..., weighted=False) labels are drawn from the file "
                "in each iteration, and priors may keep scales from such values"
            )

    def _numbers(self, chain: Chain) -> np.ndarray:
        """What the kernels note of a chain."""
        first = kernels.WORKSPACE_ROWS * self.density.free
        return chain.view(("work", self))[first : first + kernels.NUMBERS]

    def _density_at(self, level: int) -> MarginalDensity | None:
        """Over weighted rows; None where there are none."""
        fewer = self.levels.level(level)
        if fewer is not None and level not in self._at_level:
            whole = self.density
            self._at_level[level] = MarginalDensity(whole.structure, whole.block, whole.nodes, fewer)
        return self._at_level.get(level) if fewer is not None else None

    def _fit(self, chain: Chain, free: np.ndarray, level: int, nats: float) -> tuple[int, BoundDensity]:
        """Weighted rows that say what all rows say, at a point; all rows where none are found."""
        level = 0 if self.levels.exact else level
        while (density := self._density_at(level)) is not None:
            bound = self._over(density, chain)
            if bound.difference(free) <= nats:
                return level, bound
            level += 1
        return level, self._over(self.density, chain)

    def log_density_at(self, chain: Chain) -> int:
        """Address of the log density where a chain is, labels summed out."""
        return address_of(self._numbers(chain)[kernels.POSTERIOR :])

    def trouble(self, chain: Chain) -> str:
        """Which variables have no finite slope where a chain is, and their values."""
        own = self._over(self.density, chain)
        own(own.where())
        found = own.without_slope()
        return "; ".join(f"{n.name} at {short(chain.get(n))}" for n in found or self.variables)

    @property
    def note(self) -> str:  # type: ignore[override]
        """Which rows are gone over, once chains have started."""
        if not self.chains:
            return f"all rows: {self.levels.why_not}" if self.levels.why_not else ""
        told = [*(self._rows_of(chain) for chain in self.chains), *self._metric(), *self._chosen()]
        return "; ".join(dict.fromkeys(told))

    def _chosen(self) -> list[str]:
        """What burn-in has chosen, over all chains."""
        learned = [self._bound[id(c)].learned for c in self.chains if id(c) in self._bound]
        if not learned or learned[0].proposed is None or not learned[0].array[moves.SWEEPS]:
            return []
        tried, accepted, often, repeats, by_proposals, by_trajectories = np.mean(
            [one.choice for one in learned], axis=0
        )
        found = [
            f"{tried:.1f} independent proposals a sweep ({accepted:.0%} accepted in burn-in), trajectories in "
            f"{often:.0%} of sweeps: {by_proposals:.2g} and {by_trajectories:.2g} effective draws for an evaluation"
        ]
        if repeats > 1:
            found.append(f"{repeats:.0f} label updates a sweep, for chains that had parted")
        return found

    def _metric(self) -> list[str]:
        """What is to be said of the metric."""
        if self._found is None or self._found[1] is None:
            return ["the metric is learned in burn-in alone: no mode with a finite curvature was looked for or found"]
        flat = self._found[1].flat
        told = f"in {flat} directions the density does not bend down at the mode: their width was made up"
        return [told] if flat > 0 else []

    def _rows_of(self, chain: Chain) -> str:
        numbers = self._numbers(chain)
        level, units = int(numbers[kernels.LEVEL]) - 1, self.density.units
        if self.levels.why_not:
            return f"all rows: {self.levels.why_not}"
        if level < 0 or numbers[kernels.WHOLE]:
            return "all rows: weighted ones " + ("were not fine enough" if level >= 0 else "are hardly fewer")
        if self.levels.exact:
            return f"{self._at_level[level].data.n_units} distinct values in the place of {units} rows"
        seen = max(numbers[kernels.DIFFERENCE], self.exact)
        return f"{self._at_level[level].data.n_units} weighted rows in the place of {units}, within {seen:.0e} nats"

    def unbind(self) -> None:
        """Forget chains."""
        super().unbind()
        self._bound.clear()
        self._found, self._without = None, None

    def counters(self) -> list[Any]:
        """Trajectories and how many were accepted."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"a few gradients, each of the rows gone over x {self.density.block.label.n_labels} labels"


@dataclass
class Bound:
    """What a chain's moves are told, what they learn, and whose memory is spoken of."""

    record: np.ndarray
    learned: Learned
    density: BoundDensity

    def go_over(self, density: BoundDensity) -> None:
        """Let the moves be told of another density."""
        self.record[:], self.density = density.record, density


def _spread(bound: BoundDensity, found: Basin, rng: np.random.Generator) -> np.ndarray:
    """A point about a mode, wider than the posterior."""
    noise = SPREAD * found.factor @ rng.standard_normal(found.mode.size)
    for _ in range(HALVINGS):
        if bound(found.mode + noise)[0] > found.height - 3.0 * noise.size - 20.0:
            return found.mode + noise
        noise = 0.5 * noise
    return found.mode


def summed_out(structure: Structure) -> LabelBlock | str:
    """The one label vector that can be summed out, or why there is none."""
    if len(structure.blocks) != 1 or structure.non_factorising:
        return "labels can be summed out where there is one label vector, and its rows separate"
    block = structure.blocks[0]
    if structure.numbers:
        return f"labels are not summed out where the number of components, {structure.numbers[0].node.name}, is unknown"
    if block.beyond:
        return f"labels are not summed out where components, of {structure.open_sticks[0].node.name}, have no end"
    if block.given_others or block.tempered:
        return "labels that are drawn given others, or at a temperature, are not summed out"
    return block


def has_vectors(block: LabelBlock) -> bool:
    """Whether rows of vectors depend on the labels."""
    return any(s.rows.op == "events" for s in block.factors)


__all__ = ["MarginalMove", "has_vectors", "summed_out"]

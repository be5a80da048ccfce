"""The log posterior of the continuous unknowns with the labels summed out, and its gradient, in free coordinates.

By Fisher's identity the gradient is that of the complete-data log density at expected counts and sums (Fisher 1925;
Dempster, Laird and Rubin 1977, section 3), which a soft pass over the rows leaves. Where a family has no finite
sufficient statistics, derivatives of rows are added up instead. From there on, through links, priors and
hyperparameters, derivatives are accumulated backwards over what was recorded.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mcmix.kernels import block_steps
from mcmix.kernels import marginal as kernels
from mcmix.kernels.base import address_of, ready
from mcmix.kernels.driver import run_step
from mcmix.kernels.machine import MACHINE
from mcmix.kernels.matrix_pieces import MATRICES, matrices_from_free, matrices_pulled_back, matrices_to_free
from mcmix.kernels.records import made, table
from mcmix.kernels.soft import soft_pass
from mcmix.kernels.transforms import CIRCLE, IDENTITY, LOG, LOGIT, SIMPLEX, UPPER
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain, Plan
from mcmix.steps.passes import AllRows, Pass
from mcmix.steps.scores import Scores
from mcmix.steps.targets import Piece, is_discrete, piece_of
from mcmix.steps.weighted import Weighted
from mcmix.structure.contributions import Contribution, LabelBlock, Structure
from mcmix.structure.expression import Expression, constant, reduce, reshape
from mcmix.structure.gradients import NoDerivative, gradient
from mcmix.structure.label_vectors import SeparableFactor

FEWEST_MOVES = 100  # between two checks of weighted rows
_MOVED = (IDENTITY, LOG, UPPER, LOGIT, CIRCLE, SIMPLEX, *MATRICES)  # transforms whose derivatives the kernels know


class MarginalDensity:
    """A log density of some unknowns given the others, the labels of one vector summed out.

    Parameters
    ----------
    structure : Structure
    block : LabelBlock
        Whose labels are summed out.
    nodes : sequence of Stochastic
        Continuous unknowns that it is a density of.
    fewer : Weighted, optional
        Weighted rows that are gone over in the place of all.

    Raises
    ------
    NoDerivative
        If it has no gradient here; the message says what has none.
    """

    def __init__(
        self, structure: Structure, block: LabelBlock, nodes: Sequence[Stochastic], fewer: Weighted | None = None
    ):
        self.structure, self.block, self.nodes = structure, block, list(nodes)
        self.pieces = [_piece(n) for n in self.nodes]
        self.free = sum(p.free for p in self.pieces)
        self.fewer, whole = fewer, AllRows.of(block)
        self.data: AllRows = whole if fewer is None else fewer
        self.variables = [structure.recording.leaves[n] for n in self.nodes]
        said = [c for c in structure.contributions if any(c.touches(v) for v in self.variables)]
        by_row = _without_sums(block, said)
        self.scores = {data: [Scores(s, block.label, data) for s in by_row] for data in {whole: 0, self.data: 0}}
        self.prior, complete = constant(0.0), constant(0.0)
        for c in said:
            if not c.factor.touches(block.label.variable):
                self.prior = self.prior + reduce("sum", c.exact)
            elif c.over in ("cells", "labels"):
                complete = complete + reduce("sum", c.elements)
        for one in self.scores[whole]:
            complete = complete + one.complete
        self.complete = complete
        self.slopes = gradient(reshape(self.prior + complete, ()), self.variables)
        self._compile()

    def _compile(self) -> None:
        """Everything in a memory of its own: what a pass leaves there is no business of other steps."""
        self.plan = plan = Plan(self.structure)
        for node, variable in self.structure.recording.leaves.items():
            plan.layout.place(node, 1 if node is self.block.label.node else max(variable.size, 1))
        self.passes = {data: Pass(self.block, 0, others=own, data=data) for data, own in self.scores.items()}
        for data, label_pass in self.passes.items():
            label_pass.place_sums(plan)
            label_pass.compile(plan)
            plan.layout.place(("unit logs", data), label_pass.n_logs)
            for one in self.scores[data]:
                one.compile(plan)
        sizes: dict[Hashable, int] = {("slope", n): p.size for n, p in zip(self.nodes, self.pieces, strict=True)}
        plan.layout.place("slopes", sum(sizes.values()))
        plan.layout.share("slopes", sizes)
        for i, piece in enumerate(self.pieces):
            plan.layout.place(("lower", i), piece.size)
            plan.layout.place(("upper", i), piece.size)
        outputs: list[tuple[Expression, Any]] = [(reshape(self.prior, ()), "prior")]
        outputs.append((reshape(self.complete, ()), "complete"))
        outputs += [(x, ("slope", n)) for x, n in zip(self.slopes, self.nodes, strict=True)]
        self.program = plan.compiled(outputs)
        plan.finish()

    @property
    def evaluations(self) -> int:
        """Densities of a row under a label that one evaluation asks for."""
        return self.data.n_units * self.block.label.n_labels

    @property
    def units(self) -> int:
        """Units whose labels are summed out, however few rows stand for them."""
        return round(next(iter(self.passes)).total)

    @property
    def vectors(self) -> np.ndarray | None:
        """The rows (N, d), where these are vectors of one factor that are known and have sums; else None."""
        s = self.block.factors[0] if len(self.block.factors) == 1 else None
        if s is None or s.rows.op != "events" or s.cells is None or s.gaps is not None or s.units is not None:
            return None
        return np.asarray(s.rows.arguments[0].known, dtype=float)

    @property
    def check(self) -> int:
        """Moves after which weighted rows are compared with all of them: as many as cost about as much; 0 for never."""
        if self.fewer is None or self.fewer.rows.exact:
            return 0
        return max(FEWEST_MOVES, self.block.label.n_units // (2 * self.fewer.n_units))

    @property
    def entries(self) -> int:
        """Numbers in a chain's memory that are moved."""
        return sum(p.size for p in self.pieces)

    @property
    def workspace(self) -> int:
        """Doubles that a chain keeps for it: where it is, and the values of all unknowns that were seen last."""
        seen = sum(self.plan.layout.places[n][1] for n in self._copied)
        return kernels.WORKSPACE_ROWS * self.free + kernels.NUMBERS + self.entries + seen

    @property
    def _copied(self) -> list[Any]:
        """Unknowns whose values are copied from the chain, what is moved last."""
        own = set(self.nodes)
        label = self.block.label.node
        return [n for n in self.structure.recording.leaves if n not in own and n is not label] + self.nodes

    def bound(self, chain: Chain, workspace: np.ndarray, counters: int) -> BoundDensity:
        """For one chain: `workspace` is part of the chain's own memory, `counters` the address of two numbers."""
        own = Chain(self.plan.layout, chain.sequence, chain)
        for i, p in enumerate(self.pieces):
            own.view(("lower", i))[:], own.view(("upper", i))[:] = p.lower, p.upper
        copies, pieces = self._copies(chain, own, workspace), self._pieces(own)
        weighing = {d: p.bound(own).weighing(own.view(("unit logs", d))) for d, p in self.passes.items()}
        whole = next(iter(self.passes))
        program = own.bound(self.program)
        record = made(
            kernels.TARGET,
            tuning=0,
            machine=MACHINE.address,
            **program.named,
            answer=own.address("prior"),
            complete=own.address("complete"),
            slopes=own.address("slopes"),
            pieces=address_of(pieces),
            n_pieces=len(self.pieces),
            free=self.free,
            count=self.entries,
            soft=soft_pass.address,
            weighing=address_of(weighing[self.data]),
            unit_logs=own.address(("unit logs", self.data)),
            units=self.passes[self.data].n_logs,
            whole=address_of(weighing[whole]),
            whole_logs=own.address(("unit logs", whole)),
            whole_units=self.passes[whole].n_logs,
            check=self.check,
            evaluate=kernels.evaluate_marginal.address,
            locate=kernels.where_the_chain_is.address,
            copies=address_of(copies),
            n_copies=len(copies),
            moved=len(self.nodes),
            counters=counters,
            workspace=address_of(workspace),
            told=address_of(workspace) + 8 * (kernels.WORKSPACE_ROWS * self.free + kernels.NUMBERS),
            groups=0,
            n_groups=0,
            components=0,
            exchangeable=0,
            proposals=0,
            redraws=0,
            history=0,
            lenient=0,
            **self._of_matrices(),
        )
        return BoundDensity(self, record, workspace, own, [copies, pieces, weighing, program])

    def _of_matrices(self) -> dict[str, int]:
        """Kernels for matrices, where there are any: others need not compile them."""
        some = any(p.transform in MATRICES for p in self.pieces)
        kernels_of = {
            "matrices_to_free": matrices_to_free,
            "matrices_from_free": matrices_from_free,
            "matrices_pulled_back": matrices_pulled_back,
        }
        return {name: kernel.address if some else 0 for name, kernel in kernels_of.items()}

    def _copies(self, chain: Chain, own: Chain, workspace: np.ndarray) -> np.ndarray:
        seen = address_of(workspace) + 8 * (kernels.WORKSPACE_ROWS * self.free + kernels.NUMBERS + self.entries)
        rows = []
        for n in self._copied:
            count = own.layout.places[n][1]
            rows.append(made(kernels.COPIED, source=chain.address(n), target=own.address(n), seen=seen, count=count))
            seen += 8 * count
        return table(kernels.COPIED, rows)

    def _pieces(self, own: Chain) -> np.ndarray:
        rows = [
            made(
                block_steps.PIECE,
                variable=own.address(p.node),
                count=p.size,
                transform=p.transform,
                entries=p.entries,
                lower=own.address(("lower", i)),
                upper=own.address(("upper", i)),
            )
            for i, p in enumerate(self.pieces)
        ]
        return table(block_steps.PIECE, rows)


class BoundDensity:
    """A marginal density over one chain's memory, to be asked from Python; steps run on its record.

    Who runs on the record keeps this alive: it holds the memory that the record speaks of.
    """

    def __init__(
        self, density: MarginalDensity, record: np.ndarray, workspace: np.ndarray, memory: Chain, kept: list[Any]
    ):
        self._kept = kept
        self.density, self.record, self.workspace, self._memory = density, record, workspace, memory
        self._reals = np.zeros(1)
        d = density.free
        self._position, self._slope = workspace[2 * d : 3 * d], workspace[3 * d : 4 * d]
        told = address_of(record), address_of(self._reals), 0
        self._marginal = ready(kernels.evaluate_marginal.address, *told)
        self._complete = ready(kernels.evaluate_complete.address, *told)

    def where(self) -> np.ndarray:
        """Free coordinates of where the chain is."""
        run_step(kernels.where_the_chain_is, self.record, self._reals, 0)
        return self._position.copy()

    def move(self, free: np.ndarray) -> None:
        """Put the chain's unknowns where free coordinates say; labels stay."""
        self._position[:] = free
        run_step(kernels.give_to_the_chain, self.record, self._reals, 0)

    def __call__(self, free: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density and gradient at free coordinates (d); minus infinity where that cannot be."""
        self._position[:] = free
        self._marginal()
        return float(self._reals[0]), self._slope.copy()

    def counted(self, labels: np.ndarray) -> None:
        """Leave the counts and sums of weighted rows with these labels, numbers 0 .. K - 1: see :meth:`given_sums`."""
        data, block = self.density.fewer, self.density.block
        assert data is not None and not self.density.scores[data]
        n, weights = block.label.n_labels, data.rows.weights
        counts = np.bincount(labels, weights, n)
        self._memory.view(("units", block.label.node))[:] = counts
        for s in block.factors:
            assert s.cells is not None
            self._memory.view(("count", s.factor))[:] = counts
            for j, (column, shift) in enumerate(zip(data.columns(s), s.cells.sums.shifts, strict=True)):
                about = column - shift.value
                self._memory.view(("sum", s.factor, j))[:] = np.bincount(labels, weights * about, n)
                if s.cells.squares[j]:
                    self._memory.view(("square", s.factor, j))[:] = np.bincount(labels, weights * about * about, n)

    def counted_vectors(self, some: np.ndarray, labels: np.ndarray) -> None:
        """Leave counts and sums as if all rows were as some (m, d) with these labels are: see :meth:`given_sums`."""
        [s], n = self.density.block.factors, self.density.block.label.n_labels
        assert s.cells is not None
        each, about = self.density.units / len(some), some - self.density.passes[self.density.data].centred[s][1]
        counts = each * np.bincount(labels, minlength=n)
        self._memory.view(("units", self.density.block.label.node))[:] = counts
        self._memory.view(("count", s.factor))[:] = counts
        groups = [about[labels == k] for k in range(n)]
        self._memory.view(("sum", s.factor, 0))[:] = each * np.ravel([g.sum(0) for g in groups])
        self._memory.view(("square", s.factor, 0))[:] = each * np.ravel([g.T @ g for g in groups])

    def given_sums(self, free: np.ndarray) -> tuple[float, np.ndarray]:
        """As a call, of the complete-data log density at the counts and sums as they stand."""
        self._position[:] = free
        self._complete()
        return float(self._reals[0]), self._slope.copy()

    def without_slope(self) -> list[Stochastic]:
        """The variables whose derivatives, asked for last, are no finite numbers."""
        return [n for n in self.density.nodes if not np.isfinite(self._memory.view(("slope", n))).all()]

    def difference(self, free: np.ndarray) -> float:
        """By how many nats weighted rows differ from all of them there; infinite where that is not to be said."""
        if self.density.check == 0:
            return 0.0
        self._position[:] = free
        run_step(kernels.compare_rows, self.record, self._reals, 0)
        return float(self._reals[0])


def has_slopes(node: Stochastic) -> bool:
    """Whether the map to a continuous variable's free coordinates is differentiated here."""
    return piece_of(node).transform in _MOVED


def _piece(node: Stochastic) -> Piece:
    """How a variable is moved.

    Raises
    ------
    NoDerivative
        If it is not continuous, or its support has no transform that is differentiated here.
    """
    if is_discrete(node):
        raise NoDerivative(f"{node.name} takes whole numbers")
    if not has_slopes(node):
        raise NoDerivative(f"{node.name} is a matrix")
    return piece_of(node)


def _without_sums(block: LabelBlock, said: Sequence[Contribution]) -> list[SeparableFactor]:
    """Factors of a block whose derivatives must be added up row by row."""
    found = []
    for s in block.factors:
        own = next((c for c in said if c.factor is s.factor), None)
        if own is None or own.over in ("cells", "labels"):
            if own is not None and own.differs_by_cell:
                raise NoDerivative(f"{s.factor.node.name}: what its sums leave out differs by component")
            continue
        if s.rows.op == "events":
            raise NoDerivative(f"{s.factor.node.name}: the density of vectors has no derivative here")
        found.append(s)
    return found


__all__ = ["BoundDensity", "MarginalDensity", "has_slopes"]

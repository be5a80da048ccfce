"""What a step is: it says why it was chosen, compiles its programs once, and binds them to a chain's memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.kernels import streams
from mcmix.kernels.base import AddressedKernel, address_of, apart
from mcmix.kernels.labels import n_blocks
from mcmix.kernels.machine import MACHINE
from mcmix.kernels.random import seeded_streams
from mcmix.kernels.records import TUNED, made, seen, width
from mcmix.nodes.plate import members_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.layout import BoundProgram, Layout, Program
from mcmix.steps.program import Compiler, finished
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recording import is_log_kept
from mcmix.structure.tempering import POWER_KEY

TUNE_INTERVAL = 100  # sweeps of burn-in after which steps written in Python adapt


class Chain:
    """One chain's memory: every value, statistic and register in one array, and its random streams.

    Parameters
    ----------
    layout : Layout
        Finished.
    sequence : numpy.random.SeedSequence
        The chain's own.
    coldest : Chain, optional
        The one that this one swaps states with, directly or not: it stops for both.
    """

    def __init__(self, layout: Layout, sequence: np.random.SeedSequence, coldest: Chain | None = None):
        self.layout = layout
        self.coldest = coldest
        self.memory = apart(layout.size + layout.scratch)
        self._start = address_of(self.memory)
        self.sequence = sequence
        self.rng = np.random.Generator(np.random.SFC64(sequence))
        self.stream = int(self.rng.bit_generator.ctypes.bit_generator.value)
        self.kept: list[Any] = []
        self.error: BaseException | None = None
        self.stop = apart(1, np.int64)
        self.tune_interval = TUNE_INTERVAL
        self.planned = 0  # sweeps after burn-in of the present call
        self.changed: dict[Any, bool] = {}
        self._row_streams: dict[Any, np.ndarray] = {}
        self.rows_apart: dict[Stochastic, Any] = {}  # by label vector, who draws labels that are not in this memory
        self.elsewhere: dict[Any, Any] = {}  # by label vector, who goes over its rows in the place of this process
        self.away: list[Callable[[], None]] = []  # bring streams home that are drawn from in other processes
        if POWER_KEY in layout.places:
            self.view(POWER_KEY)[:] = 1.0

    @property
    def main(self) -> Chain:
        """The chain that this memory belongs to: itself but for a step's own memory, or a level of a tempered run."""
        return self if self.coldest is None else self.coldest.main

    def view(self, key: Any) -> np.ndarray:
        """The doubles of a place, to read and write."""
        offset, n = self.layout.places[key]
        return self.memory[offset : offset + n]

    def put(self, node: Stochastic, value: Any) -> None:
        """Write a variable's value, in the form in which the chain keeps it; of data, the missing entries alone."""
        array = with_all_components(node, np.asarray(value, dtype=float))
        if self.keeps_whole(node):
            self.view(node)[:] = np.ravel(array if array.shape == node.shape else self.completed(node, array))
            return
        if node.mask is not None and array.shape == node.shape:
            array = array[node.mask]
        with np.errstate(divide="ignore"):
            kept = np.log(array) if is_log_kept(node) else array
        self.view(node)[:] = np.broadcast_to(kept, node.state_shape).ravel()

    def keeps_whole(self, node: Stochastic) -> bool:
        """Whether labels that are known for some units stand in memory for all of them."""
        return node.mask is not None and self.layout.places[node][1] == np.size(node.mask) > node.state_shape[0]

    def state(self, node: Stochastic) -> np.ndarray:
        """What is sampled of a variable, in the form in which the chain keeps it."""
        if self.keeps_whole(node):
            return np.asarray(self.view(node)[np.asarray(node.mask).ravel()])
        return self.view(node).reshape(node.state_shape)

    def get(self, node: Stochastic) -> np.ndarray:
        """A copy of a variable's value as users see it; data with their missing entries filled in."""
        state = self.state(node)
        value = np.exp(state) if is_log_kept(node) else state.astype(node.dtype)
        return self.completed(node, value)

    def completed(self, node: Stochastic, state: np.ndarray) -> np.ndarray:
        """What is sampled of a variable together with what was observed of it."""
        column = self.layout.rows.column_of(node)
        return np.asarray(state) if column is None else column.completed(state)

    def address(self, key: Any) -> int:
        """Where a place is."""
        return self._start + 8 * self.layout.places[key][0]

    def row_streams(self, key: Any, number: int, n_units: int) -> np.ndarray:
        """The random streams of a label vector's blocks, made at the first request."""
        if key not in self._row_streams:
            self._row_streams[key] = seeded_streams(streams.of_labels(self.sequence, number), n_blocks(n_units))
        return self._row_streams[key]

    def row_states(self) -> list[np.ndarray]:
        """The states of all row streams, to read and write."""
        for bring_home in self.away:
            bring_home()
        return list(self._row_streams.values())

    def bound(self, program: Program) -> BoundProgram:
        """A program with this chain's addresses."""
        bound = program.bound(self.memory, self)
        self.kept.append(bound)
        return bound

    def report(self, error: BaseException) -> None:
        """Keep what a user's function raised inside the compiled stretch, and end the run after this sweep."""
        if self.coldest is not None:
            self.coldest.report(error)
        self.error = error
        self.stop[0] = 1


def with_all_components(node: Stochastic, value: np.ndarray) -> np.ndarray:
    """A value in which components that a draw had no room for, and which weigh nothing, are like the first one."""
    absent = np.isnan(value) if getattr(node, "room", None) is not None else np.zeros(0, bool)
    return np.where(absent, value[:1], value) if absent.any() else value


@dataclass(eq=False)
class Call:
    """One kernel call of a sweep, bound to a chain."""

    kernel: int
    words: np.ndarray
    reals: np.ndarray
    step: Step
    tuned: bool = False
    reads_labels: bool = False  # as they were drawn last, with parameters that have not moved since
    by_counts: Call | None = None  # what stands for it where nobody asks which row has which label
    parts: Any = None  # :class:`mcmix.steps.parts.InParts` that it shares the rows out to

    def tune(self, on: bool) -> None:
        """Switch adaptation on or off, where there is any."""
        if self.tuned:
            seen(TUNED, self.words[: width(TUNED)]).tuning = on


@dataclass
class Plan:
    """Everything that is compiled for a model, shared by its chains.

    Attributes
    ----------
    structure : Structure
    layout : Layout
    programs : list of Program
        All programs, so that their scratch can be placed once the layout is finished.
    """

    structure: Structure
    layout: Layout = field(default_factory=Layout)
    programs: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.structure is not None:
            self.layout.rows = self.structure.recording.rows

    def compiled(
        self, outputs: Sequence[tuple[Expression, Any]], tile_rows: int | None = None, private: bool = False
    ) -> Program:
        """Compile expressions to one program."""
        program = Compiler(self.layout, tile_rows, private).program(outputs)
        self.programs.append(program)
        return program

    def rows(self, rows: Sequence[Expression], n: int, key: Any) -> Program:
        """Compile expressions of n rows to one program whose tiles stand side by side at the key."""
        program = Compiler(self.layout, n).columns(rows, key)
        self.programs.append(program)
        return program

    def finish(self) -> None:
        """Fix the layout: nothing can be placed afterwards."""
        for program in self.programs:
            finished(program, self.layout)


class Step(ABC):
    """How one variable, or a block of them, moves.

    Attributes
    ----------
    variables : list of Stochastic
    reason : str
        Why this step was chosen, for `explain`.
    label_vector : LabelVector or None
        The label vector that it draws as a whole: such steps begin a sweep, and chains start from seedings of it.
    label_pass : Pass or None
        The pass over the data that draws it.
    note : str
        What `explain` says beside the reason.
    names_may_stick : bool
        Whether a chain may keep for ever the names of components that it starts with, right or wrong.
    may_refuse_for_ever : bool
        Whether never to accept a proposal is no sign of trouble.
    before_labels : bool
        Whether it moves with labels summed out, so that these must be drawn before anything else looks at them.
    after_labels : int
        Where it stands among steps that move labels that have just been drawn, before anything else looks at these;
        0 for others.
    beside_others : bool
        Whether its variables are moved by the steps of the table as well.
    repeats_at_start : int
        How often it moves in one round of a start: those that adapt and move little at a time need many to arrive.
    needs_labels : bool
        Whether it moves labels or what they are counted by, so that sums that only stand for labels are not enough.
    meetings : tuple of float
        Parts of burn-in after which it learns from all chains together.
    room : Room or None
        The number of components that it may need more room for: a chain is then given it, and the call that asked is
        made again. What it keeps meanwhile stands at ``("growth", step)``.
    can_grow : bool
        Whether it goes on in a memory with room for more components.
    """

    name = "step"
    label_vector: LabelVector | None = None
    label_pass: Any = None  # of :mod:`mcmix.steps.passes`, which needs this module
    note = ""
    names_may_stick = False
    may_refuse_for_ever = False
    before_labels = False
    after_labels = 0
    beside_others = False
    repeats_at_start = 1
    needs_labels = False
    meetings: tuple[float, ...] = ()
    room: Any = None
    can_grow = True
    verbose = -1  # PyMC 2's level of talk, for programs that read it
    in_python = False  # whether a sweep calls Python with the nodes showing one chain's values

    def __init__(self, variables: Sequence[Stochastic], reason: str):
        self.variables = list(variables)
        self.reason = reason
        self.chains: list[Chain] = []  # in which it runs

    @abstractmethod
    def compile(self, plan: Plan) -> None:
        """Place what it needs in the layout and compile its programs."""

    @abstractmethod
    def bind(self, chain: Chain) -> list[Call]:
        """Its kernel calls for one chain."""

    def settle(self, chain: Chain, given: Collection[Stochastic]) -> None:
        """Make itself ready where a chain starts; unknowns in `given` stay where they are. Most need nothing."""
        return

    def resume(self, chain: Chain) -> None:
        """Make itself ready where a chain was put as a whole, by a saved state. Most need nothing."""
        return

    def carry(self, learned: np.ndarray, larger: np.ndarray) -> None:
        """Hand on what it learned to a call with room for more components; what does not fit is learned anew."""
        if learned.size == larger.size:
            larger[:] = learned

    def meet(self, chains: Sequence[Chain]) -> None:
        """Learn from all chains together, at one of its `meetings`. Most do not."""
        return

    def repeats(self, chain: Chain) -> int:
        """How often the steps that move the same unknowns given the labels are to be made in a sweep."""
        return 1

    def given_passes(self, passes: Mapping[LabelVector, Any]) -> None:
        """Learn, before anything is compiled, which passes draw the labels. Most need not know."""
        return

    def seeded_by(self) -> np.ndarray | None:
        """Coordinates of units (units, d) in which those of one label lie together; None where data say that."""
        return None

    def accumulators(self) -> Sequence[Any]:
        """What the passes over its labels are to add up for it (:class:`mcmix.steps.accumulators.Accumulator`)."""
        return ()

    def unbind(self) -> None:
        """Forget the chains that it was bound to: those of a first call that ended before its first sweep."""
        self.chains.clear()

    @property
    def nodes(self) -> list[Stochastic]:
        """The unknowns that it moves, as the user wrote them."""
        return [n for v in self.variables for n in members_of(v)]

    @property
    def ratio(self) -> float:
        """Share of proposals accepted so far, over all chains; 1 for steps that reject nothing."""
        counts = np.array([chain.view(key)[:2] for chain in self.chains for key in self.counters()]).reshape(-1, 2)
        return float(counts[:, 1].sum() / counts[:, 0].sum()) if counts.sum() > 0 else 1.0

    @property
    def cost(self) -> str:
        """What one sweep of it costs, in words."""
        return ""

    def counters(self) -> list[Any]:
        """Keys of places with (proposals, acceptances), for steps that may reject."""
        return []

    def statistics(self) -> Mapping[str, tuple[Any, tuple[int, ...]]]:
        """Whole numbers that are recorded with each draw: key of their place, and their shape, by name."""
        return {}

    def __repr__(self) -> str:
        return f"<{self.name} step for {', '.join(v.name for v in self.variables)}: {self.reason}>"


def words(*values: int) -> np.ndarray:
    """Whole numbers as kernels read them."""
    return np.array(values, dtype=np.int64)


def kernel_call(
    step: Step,
    kernel: AddressedKernel,
    fields: Mapping[str, int],
    reals: np.ndarray | None = None,
    tuned: bool = False,
) -> Call:
    """A call of a kernel with its record, which begins with the tuning flag and the machine."""
    assert kernel.reads is not None
    numbers = np.ascontiguousarray(reals if reals is not None else np.zeros(1), dtype=float)
    record = made(kernel.reads, tuning=0, machine=MACHINE.address, **fields)
    return Call(kernel.address, record, numbers, step, tuned)


Competence = Callable[[Stochastic, Structure], str | None]

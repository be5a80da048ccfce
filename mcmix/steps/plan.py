"""The plan of a sweep: which steps, in which order, and what is recorded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.plate import Plate
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain, Plan, Step
from mcmix.steps.forward import DrawFromPrior
from mcmix.steps.labels import LabelGibbs
from mcmix.steps.layout import Program
from mcmix.steps.log_density import log_density
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.offers import offered
from mcmix.steps.own import fittest_own
from mcmix.steps.passes import Pass
from mcmix.steps.permutation import SharedPermutation
from mcmix.steps.rooms import ByRoom, Rooms, present_rooms, refuse_fixed
from mcmix.steps.split_merge import with_moves_of_components
from mcmix.steps.table import Choice, step_for
from mcmix.steps.tempering import Swaps
from mcmix.steps.topics import with_topics
from mcmix.structure.columns import Column
from mcmix.structure.component_tables import ComponentTables, component_tables, tables_without_block
from mcmix.structure.contributions import LabelBlock, Structure, structure_of, stuck_labels
from mcmix.structure.expression import Expression
from mcmix.structure.label_vectors import LabelVector, label_candidates
from mcmix.structure.missing import cut
from mcmix.structure.on_rows import on_rows
from mcmix.structure.open_sticks import of_components, with_open_sticks
from mcmix.structure.plates import FEWEST, gathered
from mcmix.structure.reads import reads_noted
from mcmix.structure.recording import Recording, is_log_kept, record
from mcmix.structure.rows import Rows
from mcmix.structure.tempering import POWER_KEY
from mcmix.structure.unknown_number import with_unknown_numbers
from mcmix.structure.walks import ordered

LOG_DENSITY = "log density"
BETTER_THAN_ALL = 3


@dataclass
class Segment:
    """A stretch of memory that is recorded: where, how long, whether logarithms are kept there."""

    name: str
    key: Any
    shape: tuple[int, ...]
    log_kept: bool = False
    dtype: Any = float
    kind: str = "variable"

    @property
    def size(self) -> int:
        """Doubles."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def beyond(self) -> float:
        """What stands, in draws that had no room for them, for components that others have room for."""
        node = self.key[-1] if isinstance(self.key, tuple) else self.key
        counted = self.kind == "statistic" or np.dtype(self.dtype).kind in "iub"
        return 0.0 if counted else float(getattr(node, "beyond_room", np.nan))


@dataclass
class CompiledModel:
    """A model made ready to run.

    Attributes
    ----------
    model, structure, plan : the stages
    recording : Recording
        The nodes as they are written; `structure.recording` has like nodes of a loop in one plate.
    steps : list of Step
        In the order of a sweep: label vectors first, then the rest, parents first.
    segments : list of Segment
        What is recorded, in order.
    labels : list of Stochastic
        Discrete vectors with one entry per row, recorded apart in a small type.
    record : Program
        Computes the log density and the recorded deterministics.
    swaps : Swaps or None
        Of a tempered run.
    kept_functions : list of Deterministic
        Those that are recorded.
    why_not_marginal : str
        Why no unknowns are moved with the labels summed out, though that was asked for.
    decided_by : set of Column
        Those whose numbers say what the plan is, beside the numbers that stand in it.
    rooms : dict of Room to int
        How many components there is room for, where that grows.
    by_room : ByRoom or None
        The model with more of it.
    asked : collection of str
        Names of what is recorded on request.
    """

    model: Model
    recording: Recording
    structure: Structure
    plan: Plan
    steps: list[Step] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    labels: list[Stochastic] = field(default_factory=list)
    record: Program | None = None
    per_row: list[str] = field(default_factory=list)
    swaps: Swaps | None = None
    why_not_marginal: str = ""
    kept_functions: list[Deterministic] = field(default_factory=list)
    decided_by: set[Column] = field(default_factory=set)
    asked: Collection[str] = ()
    rooms: Rooms = field(default_factory=dict)
    by_room: ByRoom | None = None

    def on_disk(self, node: Stochastic) -> Any:
        """The rows that have these labels, where they stay on disk; else None."""
        found = [getattr(s, "on_disk", None) for s in self.steps if any(v is node for v in s.variables)]
        return next((rows for rows in found if rows is not None), None)

    @property
    def rows(self) -> Rows:
        """The observed data."""
        return self.recording.rows

    @property
    def label_blocks(self) -> list[LabelBlock]:
        """Blocks of labels that are one node of the user's: what reports speak of by name."""
        return [b for b in self.structure.blocks if not isinstance(b.label.node, Plate)]

    @property
    def label_passes(self) -> list[Pass]:
        """The compiled passes over the data that draw labels, in the order of a sweep."""
        return [s.label_pass for s in self.steps if s.label_pass is not None]

    def counted(self, recorded: Collection[Stochastic]) -> list[Step]:
        """Label updates of which only numbers of rows by label are asked in a sweep.

        Parameters
        ----------
        recorded : collection of Stochastic
            Labels of which every draw is kept.
        """
        if any(s.in_python or s.needs_labels for s in self.steps):  # these may look at anything
            return []
        asked = {v for x in self._asked_in_a_sweep for v in x.leaves}
        found = [s for s in self.steps if s.label_pass is not None and not set(s.variables) & set(recorded)]
        found = [s for s in found if not s.label_pass.others]  # what is added up for other steps asks for rows
        return [s for s in found if s.label_vector is not None and s.label_vector.variable not in asked]

    @property
    def _asked_in_a_sweep(self) -> list[Expression]:
        """Everything that steps or records evaluate, label updates apart."""
        kept = [self.recording.values[f] for f in self.kept_functions]
        forward = [e.factor.elements for e in self.structure.forward_sampled]
        said = [x for c in self.structure.contributions for x in (c.elements, c.exact)]
        return [*kept, *forward, *said]

    def marginal_alone(self, recorded: Collection[Stochastic]) -> MarginalMove | None:
        """The step that needs no labels drawn in a sweep, where nothing else does, nor what is recorded.

        Parameters
        ----------
        recorded : collection of Stochastic
            Labels of which every draw is kept.
        """
        move = next((s for s in self.steps if isinstance(s, MarginalMove)), None)
        if move is None or self.swaps is not None or any(isinstance(n, Plate) for n in self.recording.leaves):
            return None
        label = move.density.block.label
        rest = [s for s in self.steps if s is not move and s.label_vector is not label]
        forward = [e for e in self.structure.forward_sampled if e.factor.touches(label.variable)]
        kept = [self.recording.values[f] for f in self.kept_functions]
        seen = forward or any(label.variable in x.leaves for x in kept)
        others = [s for s in rest if not isinstance(s, DrawFromPrior)]
        return None if seen or others or label.node in recorded or label.node not in self.labels else move

    @property
    def component_tables(self) -> dict[str, ComponentTables]:
        """Those of every label vector that is one node of the user's, by its name."""
        found = [component_tables(b, self.structure) for b in self.label_blocks]
        found += [tables_without_block(c, self.structure) for c in self.non_factorising_labels]
        return {t.label.node.name: t for t in found}

    @property
    def non_factorising_labels(self) -> dict[LabelVector, str]:
        """Label vectors that are no blocks, and why, of those that are one node of the user's."""
        return {c: why for c, why in self.structure.non_factorising.items() if not isinstance(c.node, Plate)}

    def log_density_of(self, chain: Chain) -> float:
        """The recorded log density after the record program has run."""
        return float(chain.view(LOG_DENSITY)[0])


def assemble(
    model: Model,
    asked: Collection[str] = (),
    choices: Sequence[Choice] = (),
    draw_from_prior: bool = True,
    tempered: bool = False,
    rows: Rows | None = None,
    before: Recording | None = None,
    marginal_moves: bool = False,
) -> CompiledModel:
    """Record a model, see its structure, choose steps, compile programs.

    Parameters
    ----------
    model : Model
    asked : collection of str
        Names of per-row deterministics to record all the same.
    choices : sequence of Choice
        What `use_step_method` asked for.
    draw_from_prior : bool
        Draw what no data depend on from its distribution; else such variables are sampled like any other.
    tempered : bool
        Let the distributions of data count the power that stands in a chain's memory, and add the step that swaps
        states between chains at neighbouring powers.
    rows : Rows, optional
        The observed data, by default those that the nodes hold themselves.
    before : Recording, optional
        Of the same model on other rows, so that it need not be recorded anew.
    marginal_moves : bool
        Move continuous unknowns with the labels summed out, where that can be.

    Raises
    ------
    ModelError
        If there is nothing to sample, or the rows are none of the model's.
    """
    if not model.stochastics:
        raise ModelError("the model has nothing to sample: every random node is observed")
    choices = [*choices, *_own_choices(model, choices)]

    def laid_out(before: Recording | None = None) -> CompiledModel:
        recording = _recording(model, rows, before)
        with reads_noted() as decided_by:
            compiled = _planned(model, recording, asked, choices, draw_from_prior, tempered, marginal_moves)
        compiled.decided_by = decided_by | compiled.recording.decided_by
        compiled.rooms, compiled.by_room = present_rooms(model), by_room
        return compiled

    own = present_rooms(model)
    by_room = ByRoom(model, laid_out) if own else None
    found = laid_out(before)
    if by_room is not None:
        refuse_fixed(model, own, lambda: record(model, rows=rows), of_components(found.structure))
        by_room.keep(found)
    return found


def _planned(
    model: Model,
    recording: Recording,
    asked: Collection[str],
    choices: Sequence[Choice],
    draw_from_prior: bool,
    tempered: bool,
    marginal_moves: bool,
) -> CompiledModel:
    """The compiled model of a recording."""
    beside = [c for c in choices if getattr(c.step, "after_labels", False)]
    choices = [c for c in choices if c not in beside]
    taken = {n for c in choices for n in c.nodes}
    apart = [n for c in choices for n in c.nodes if c.step not in (LabelGibbs, DrawFromPrior)]
    recording, structure = _structure(model, recording, apart, taken, draw_from_prior, tempered)
    unknowns = list(structure.recording.leaves)
    structure.held = {n for c in choices for n in c.nodes if getattr(c.step, "holds", False)}
    with_unknown_numbers(structure)
    with_open_sticks(structure)
    plan = Plan(structure)
    if tempered:
        plan.layout.place(POWER_KEY, 1)
    for node, variable in structure.recording.leaves.items():
        plan.layout.place(node, max(variable.size, 1))
        if isinstance(node, Plate):
            plan.layout.share(node, {n: max(recording.leaves[n].size, 1) for n in node.members})
    compiled = CompiledModel(model, recording, structure, plan)
    chosen = [c.made(structure) for c in choices]
    if marginal_moves:
        found = offered(structure, taken)
        compiled.why_not_marginal = found if isinstance(found, str) else ""
        chosen += [] if isinstance(found, str) else [found]
        taken = taken | {v for s in chosen if not s.beside_others for v in s.variables}
    place = {n: i for i, n in enumerate(unknowns)}
    steps = chosen + [step_for(n, structure) for n in unknowns if n not in taken]
    asked_beside = [c.made(structure) for c in beside]
    steps += [*with_moves_of_components(asked_beside, structure), *with_topics(asked_beside, structure)]
    compiled.steps = _with_permutations(
        _ordered(sorted(steps, key=lambda s: min(place[v] for v in s.variables))), structure
    )
    _place_sums(compiled)
    _leave_no_gaps(compiled)
    for step in compiled.steps:
        step.compile(plan)
    if tempered:
        compiled.swaps = Swaps(unknowns, structure)
        compiled.swaps.compile(plan)
    _recorded(compiled, asked)
    plan.finish()
    return compiled


def _place_sums(compiled: CompiledModel) -> None:
    """Before any program is compiled: conjugate steps read what the label updates leave here."""
    passes = {p.label: p for p in compiled.label_passes}
    for step in compiled.steps:
        step.given_passes(passes)
        for one in step.accumulators():
            if one not in passes[one.label].others:
                passes[one.label].also(one)
    for label_pass in passes.values():
        label_pass.place_sums(compiled.plan)


def _leave_no_gaps(compiled: CompiledModel) -> None:
    """Where parameters move with labels and missing coordinates summed out, labels must not be drawn given the latter.

    They would be draws given what was missing at the parameters before.
    """
    if any(isinstance(step, MarginalMove) for step in compiled.steps):
        for label_pass in compiled.label_passes:
            label_pass.integrated = True


def _recording(model: Model, rows: Rows | None, before: Recording | None) -> Recording:
    """The model as it is written: as it was recorded before, on these rows, or anew."""
    if before is None or rows is None:
        return record(model, rows=rows)
    return on_rows(before, rows, model)


def _structure(
    model: Model,
    recording: Recording,
    apart: Sequence[Node],
    taken: Collection[Node],
    draw_from_prior: bool,
    tempered: bool,
) -> tuple[Recording, Structure]:
    """What the model means, as it is written and as it is sampled, with like nodes of loops gathered.

    Known labels stand among unknown ones where only so the rows separate (with gaps).
    """
    taken = {*taken, *_own_labels(recording)}
    found = structure_of(gathered(recording, taken), apart, draw_from_prior, tempered)
    stuck = stuck_labels(found)
    if stuck:
        other = record(model, stuck, recording.rows)
        whole = structure_of(gathered(other, taken), apart, draw_from_prior, tempered)
        if not any(c.node in stuck for c in whole.non_factorising):
            recording, found = other, whole
    cut(recording)
    return recording, found


def _own_labels(recording: Recording) -> list[Node]:
    """Of many label vectors, those whose rows separate as they are: reports know each of them by its name."""
    if len(label_candidates(recording)) < FEWEST:
        return []
    return [b.label.node for b in structure_of(replace(recording)).blocks]


def _with_permutations(steps: list[Step], structure: Structure) -> list[Step]:
    """Labels that are drawn given one another, and so mean the same components, get a move of all of them first."""
    groups: dict[tuple[int, int], list[Pass]] = {}
    for step in steps:
        if step.label_vector is not None and step.label_pass is not None and step.label_pass.block.given_others:
            groups.setdefault((step.label_vector.lowest, step.label_vector.n_labels), []).append(step.label_pass)
    if not groups:
        return steps
    joint = log_density(structure, tempered=True)
    return [*(SharedPermutation(g, component_tables(g[0].block, structure), joint) for g in groups.values()), *steps]


def _own_choices(model: Model, choices: Sequence[Choice]) -> list[Choice]:
    """Users' step classes that call themselves better than anything else for a node."""
    taken = {n for c in choices for n in c.nodes}
    found = [(n, *fittest_own(n)) for n in model.stochastics if n not in taken]
    return [Choice(own, (n,)) for n, own, fitness in found if own is not None and fitness >= BETTER_THAN_ALL]


def _ordered(steps: list[Step]) -> list[Step]:
    """Labels first; what no data depend on last, parents before children."""
    # Telescoping draws the number that splits and merges have summed out.
    first = sorted(
        (s for s in steps if s.before_labels or s.after_labels or s.label_vector is not None),
        key=lambda s: s.after_labels - s.before_labels,
    )
    # No other conditional sees a forward-sampled variable. Drawn last, given the sweep's own values, it completes one
    # joint draw.
    last = [s for s in steps if isinstance(s, DrawFromPrior)]
    return first + [s for s in steps if s not in first and s not in last] + last


def _recorded(compiled: CompiledModel, asked: Collection[str]) -> None:
    """Choose what is recorded and compile what computes it."""
    compiled.asked = asked
    unknown = set(asked) - {n.name for n in compiled.model.nodes}
    if unknown:
        raise ModelError(f"trace=: no node named {', '.join(sorted(unknown))}")
    kept = [rows for p in compiled.label_passes for rows in p.rows_by_label]
    outputs: list[tuple[Expression, Any]] = [(log_density(compiled.structure, kept=kept), LOG_DENSITY)]
    for node in compiled.model.stochastics:
        if _is_labels(node, compiled):
            compiled.labels.append(node)
        elif node.trace_by_default:
            compiled.segments.append(Segment(node.name, node, node.state_shape, is_log_kept(node), _dtype(node)))
    for function in compiled.model.deterministics:
        if function.name in asked or (function.trace_by_default and _is_number(function)):
            if _is_per_row(function, compiled) and function.name not in asked:
                compiled.per_row.append(function.name)
                continue
            compiled.kept_functions.append(function)
            outputs.append((compiled.recording.values[function], ("recorded", function)))
            compiled.segments.append(
                Segment(
                    function.name,
                    ("recorded", function),
                    np.shape(function.value),
                    dtype=np.asarray(function.value).dtype,
                )
            )
    compiled.segments.insert(0, Segment("lp", LOG_DENSITY, (), kind="log density"))
    for step in compiled.steps:
        for key in step.counters():
            compiled.segments.append(Segment(step.variables[0].name, key, (2,), kind="counter"))
        for name, (key, shape) in step.statistics().items():
            compiled.segments.append(Segment(name, key, shape, dtype=int, kind="statistic"))
    compiled.record = compiled.plan.compiled(outputs)


def _is_number(node: Deterministic) -> bool:
    return np.asarray(node.value).dtype.kind in "fiub"


def _dtype(node: Stochastic) -> Any:
    return np.dtype(node.dtype)


def _is_labels(node: Stochastic, compiled: CompiledModel) -> bool:
    """Discrete vectors of a label update are kept apart: they are long, and their values are small."""
    known = [b.label.node for b in compiled.structure.blocks] + [c.node for c in compiled.structure.non_factorising]
    return node in known  # those that are single nodes, gathered into a plate, are recorded as numbers


def _is_per_row(node: Node, compiled: CompiledModel) -> bool:
    """One entry per row of data or per label: too much to keep unasked.

    An array of the data's or a label vector's shape that depends on labels, on known arrays of that shape, or on a
    function that was not seen through; a function of as many components as there are rows is none.
    """
    shape = np.shape(node.value)
    rows = {n.shape for n in compiled.model.data_nodes} | {n.shape for n in compiled.labels}
    if not shape or shape not in {r for r in rows if r and r[0] > 1}:
        return False
    value = compiled.recording.values[node]
    labels = {compiled.recording.leaves[n] for n in compiled.labels}
    return any(
        part in labels or part.op == "python" or (part.is_constant and part.shape == shape) for part in ordered(value)
    )


def per_label_bytes(node: Stochastic, compiled: CompiledModel) -> int:
    """Bytes that one recorded label takes."""
    block = compiled.structure.block_of(node)
    count = (
        block.label.n_labels if block else max(c.n_labels for c in compiled.structure.non_factorising if c.node is node)
    )
    return 1 if count <= 256 else 2


def recorded_from(node: Stochastic, compiled: CompiledModel) -> int:
    """What is subtracted from a label vector's values before they are recorded: 0 where they fit as they are."""
    block = compiled.structure.block_of(node)
    values = (
        block.label.values if block else next(c.values for c in compiled.structure.non_factorising if c.node is node)
    )
    fits = values[0] >= 0 and values[-1] < 256 ** per_label_bytes(node, compiled)
    return 0 if fits else int(values[0])

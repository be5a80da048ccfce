"""The loop: chains on threads, burn-in and thinning, progress, interrupts, failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mcmix.errors import ImproperPosterior, McmixError, ZeroProbability
from mcmix.kernels import density_steps, driver, gibbs, labels, marginal_moves, streams
from mcmix.kernels.base import address_of, apart
from mcmix.kernels.crew import CREW, available_cores
from mcmix.kernels.machine import BAD_INDEX, MACHINE, PYTHON_FAILED
from mcmix.kernels.records import width
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.axes import labels_along
from mcmix.sampling.buffers import Buffers
from mcmix.sampling.failure import culprit, impossible_rows
from mcmix.sampling.growth import give_buffers, grow
from mcmix.sampling.interrupts import HeldBack
from mcmix.sampling.ladder import Tempering
from mcmix.sampling.progress import Progress
from mcmix.sampling.runner import Runner, Tuning
from mcmix.sampling.seeding import Pool
from mcmix.sampling.start import Seeds, raise_reported, start
from mcmix.sampling.team import Team
from mcmix.sampling.turns import Pauses, Turns, stop_all
from mcmix.sampling.watch import Watch
from mcmix.screen import say
from mcmix.steps.base import Call, Chain
from mcmix.steps.density import BlockMetropolis, DensityStep
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.plan import CompiledModel, recorded_from
from mcmix.structure.tempering import POWER_KEY
from mcmix.traces.memory import Draws, accepted_share

POLL = 0.05  # seconds between looks at the chains


def runner(
    compiled: CompiledModel,
    number: int,
    sequence: np.random.SeedSequence,
    given: Mapping[Stochastic, Any],
    pools: Mapping[Stochastic, Pool | None] | None,
    tempering: Tempering | None = None,
) -> Runner:
    """Make a chain: memory, bound sweep, start, frame; with tempering, hotter levels whose states it swaps with.

    Without `pools` it is put nowhere: its whole state will be.
    """
    chain = Chain(compiled.plan.layout, sequence)
    calls = [call for step in compiled.steps for call in step.bind(chain)]
    if any(step.before_labels for step in compiled.steps):
        # once parameters have moved with the labels summed out, labels that were drawn before are no draws given them
        calls = sorted(calls, key=lambda call: not call.reads_labels)
    for step in compiled.steps:
        step.chains.append(chain)
    if pools is not None:
        start(compiled, chain, calls, given, Seeds(pools, number))
        for step in compiled.steps:
            step.settle(chain, given)
        raise_reported(chain)
    hotter: list[Chain] = []
    swaps: Call | None = None
    if tempering is not None and compiled.swaps is not None:
        hotter, more = _hotter(compiled, chain, number, tempering, given, pools)
        swaps = compiled.swaps.between([chain, *hotter], tempering.powers, tempering.follow)
        calls = [swaps, *calls, *more]
    frame, stop = apart(width(driver.FRAME), np.int64), chain.stop
    assert compiled.record is not None
    record = chain.bound(compiled.record)
    made_runner = Runner(compiled, number, chain, calls, frame, stop, hotter=hotter, ladder=swaps)
    told = made_runner.told
    told.stream, told.stop = chain.stream, address_of(stop)
    told.program, told.length = record.words
    told.machine = MACHINE.address
    made_runner.tune(False)
    return made_runner


def _hotter(
    compiled: CompiledModel,
    coldest: Chain,
    number: int,
    tempering: Tempering,
    given: Mapping[Stochastic, Any],
    pools: Mapping[Stochastic, Pool | None] | None,
) -> tuple[list[Chain], list[Call]]:
    """The chains at lower powers, started elsewhere than the coldest, and their part of a sweep."""
    chains: list[Chain] = []
    calls: list[Call] = []
    for level, power in enumerate(tempering.powers[1:], start=1):
        chain = Chain(compiled.plan.layout, streams.of_level(coldest.sequence, level), coldest)
        chain.view(POWER_KEY)[:] = power
        own = [call for step in compiled.steps for call in step.bind(chain)]
        if pools is not None:
            start(compiled, chain, own, given, Seeds(pools, number + level))
        chains.append(chain)
        calls += own
    return chains, calls


def prepare(r: Runner, out: Buffers, burn: int, thin: int, done: int = 0) -> None:
    """Point a chain's frame to where its draws of this call go, of which so many iterations are done already."""
    if r.team is not None:
        r.team.end()  # before any memory is bound anew; they have ended, unless something was raised that cannot be
    r.own = None
    give_buffers(r, out)
    if r.compiled.by_room is not None:
        r.grow = grow
        for step in r.compiled.steps:
            if step.room is not None:
                r.chain.view(("growth", step))[0] = 1.0
    r.told.row, r.told.thin = max(0, done - burn) // thin, thin
    r.told.burn = r.sweeps - done + burn
    r.stop[0], r.status, r.sampled_seconds, r.swept = 0, 0, 0.0, 0
    r.chain.error = None


def _with_labels(r: Runner) -> None:
    """Draw the labels that no sweep has drawn, so that a chain is whole."""
    for c in r.calls:
        if c not in r.swept_calls and r.status <= 0 and r.chain.error is None:
            r.status = max(r.status, driver.run_step(c.kernel, c.words, c.reals, r.chain.stream))


def run(
    runners: Sequence[Runner],
    out: Buffers,
    iterations: int,
    burn: int,
    thin: int,
    *,
    cores: int | None = None,
    tuning: Tuning | None = None,
    till_tuned: bool = False,
    progress_bar: bool = True,
    pauses: Pauses | None = None,
    done: int = 0,
    meetings: int | None = None,
    watch: Watch | None = None,
) -> bool:
    """Advance all chains; return whether the run was interrupted (or halted by a step).

    With `till_tuned`, burn-in begins in each chain when its steps are tuned. A call that was cut goes on where `done`
    iterations, burn-in among them, were done and chains were still to learn from one another so many times
    (`meetings`): chains stand there, and `out` holds their draws so far.

    The calling thread only waits, so that Ctrl-C is seen at once; its handler sets the stop words, and every chain ends
    after the sweep it is in. Then the signal does what it does, a KeyboardInterrupt for instance: who wants the draws
    all the same calls this inside a block of :class:`HeldBack`.

    Raises
    ------
    McmixError
        If a chain failed: what happened, where, and what helps.
    """
    for r in runners:
        prepare(r, out, burn, thin, done)
        r.burn_left, r.left = max(0, burn - done), iterations - done
        r.tuning, r.waiting = replace(tuning or Tuning(), before={}), till_tuned
        every = _meetings(r.compiled, burn)
        r.meetings, r.chain.planned = (
            every[len(every) - meetings :] if meetings is not None else every,
            iterations - burn,
        )
        r.chain.tune_interval = r.tuning.interval
    driver.make_ready()
    first = pauses.first(iterations - done) if pauses is not None else 0
    for r in runners:
        r.pause = first
    before = [r.sweeps for r in runners]
    work = Turns(runners, pauses)
    threads = 1 if any(s.in_python for s in runners[0].compiled.steps) else _threads(len(runners), cores)
    with HeldBack() as held, CREW.at_most(cores), CREW.beside(threads):
        _waited(runners, work.take, threads, held, before, iterations, progress_bar, watch)
        halted = not held.noted and any(r.status == driver.STOPPED for r in runners)
        if halted or (pauses is not None and held.noted):
            _caught_up(runners)
        if pauses is not None:
            pauses.last(all(r.status == 0 and r.chain.error is None and r.left == runners[0].left for r in runners))
        if watch is not None:
            watch.look(runners, iterations, last=True)
        for r in runners:
            r.tune(False)
            _with_labels(r)
            for rows in r.chain.rows_apart.values():
                rows.leave()
        _refuse_failures(runners)
        return bool(held.noted) or halted


def _meetings(compiled: CompiledModel, burn: int) -> list[int]:
    """Sweeps of burn-in that are left when chains meet."""
    return sorted({burn - int(part * burn) for s in compiled.steps for part in s.meetings if burn > 0}, reverse=True)


def _caught_up(runners: Sequence[Runner]) -> None:
    """After a halt: chains that were behind go on to where the first one stopped, so that all keep as much."""
    fewest = min(r.left for r in runners)
    for r in runners:
        r.stop[0], r.status, r.pause = 0, 0 if r.status == driver.STOPPED else r.status, 0
        while r.left > fewest and r.status == 0 and r.chain.error is None:
            whole, r.left = fewest, r.left - fewest
            r.advance()
            r.left += whole


def _threads(n_chains: int, cores: int | None) -> int:
    return max(1, min(n_chains, cores if cores is not None else available_cores()))


def _waited(
    runners: Sequence[Runner],
    work: Callable[[], None],
    n_threads: int,
    held: HeldBack,
    before: list[int],
    iterations: int,
    progress_bar: bool,
    watch: Watch | None,
) -> None:
    """Run `work` on threads and wait for them, showing progress. No thread is left, whatever is raised."""
    progress = Progress(iterations * len(runners), progress_bar, f"{len(runners)} chain{'s' * (len(runners) > 1)}")
    team = Team(work, lambda: stop_all(runners))
    for r in runners:
        r.team = team
    held.tell(lambda: stop_all(runners))
    said = 1
    try:
        team.start(n_threads)
        while team.busy:
            team.wait(POLL if progress.bar is not None or watch is not None else 10 * POLL)
            if watch is not None and (said_so_far := watch.look(runners, iterations)):
                progress.say(said_so_far)
            progress.at(sum(r.sweeps - b for r, b in zip(runners, before, strict=True)))
            if len(held.noted) > said:  # somebody grows impatient
                said = len(held.noted)
                say("interrupted: every chain ends after the sweep it is in", error=True)
    finally:
        team.end()
        progress.close()
    for r in runners:
        r.team = None
    if team.failed:
        raise team.failed[0]


def collected(compiled: CompiledModel, out: Buffers, n_rows: int) -> Draws:
    """The call's draws by name, the first n_rows of each chain."""
    variables, told, counts = recorded(compiled, out, n_rows)
    moments = {n.name: _mean_and_sd(array, n_rows) for n, array in out.moments.items()}
    statistics = {**told, **{f"acceptance {name}": accepted_share(x) for name, x in counts.items()}}
    return Draws(variables, statistics, moments, compiled.model.angles, labels_along(compiled))


Arrays = dict[str, np.ndarray]


def recorded(compiled: CompiledModel, out: Buffers, n_rows: int) -> tuple[Arrays, Arrays, Arrays]:
    """By name, the first n_rows of each chain: variables, what is told of draws, running (proposals, acceptances)."""
    variables: Arrays = {}
    told: Arrays = {}
    counts: Arrays = {}
    at = 0
    for segment in out.segments:
        values = out.numbers[:, :n_rows, at : at + segment.size].reshape(out.numbers.shape[0], n_rows, *segment.shape)
        at += segment.size
        if segment.kind == "log density":
            told["lp"] = values
        elif segment.kind == "statistic":
            told[segment.name] = values.astype(segment.dtype)
        elif segment.kind == "counter":
            counts[segment.name] = values
        else:
            variables[segment.name] = values.astype(segment.dtype) if np.dtype(segment.dtype).kind in "iub" else values
    for node, array in out.labels.items():
        lowest, drawn = recorded_from(node, compiled), array[:, :n_rows]
        if node.mask is not None and array.shape[2] > node.state_shape[0]:  # known labels stand among them
            drawn = np.ascontiguousarray(drawn[..., np.ravel(node.mask)])
        variables[node.name] = drawn if lowest == 0 else drawn.astype(np.int32) + lowest
    return variables, told, counts


def _mean_and_sd(array: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Of all chains together, from each chain's running mean and squared distances."""
    means, squares = array[:, 0], array[:, 1]
    return means.mean(0), np.sqrt(squares.mean(0) / n_rows + means.var(0))


def _refuse_failures(runners: Sequence[Runner]) -> None:
    for r in runners:
        if r.chain.error is not None:
            error, r.chain.error = r.chain.error, None
            error.add_note(f"chain {r.number}, sweep {r.sweeps + 1}")
            raise error
    for r in runners:
        if r.status > 0:
            where = int(r.told.failed)
            step = r.swept_calls[where].step if 0 <= where < len(r.swept_calls) else None
            names = ", ".join(v.name for v in step.variables) if step is not None else "the recorded values"
            if r.status == density_steps.NOT_A_NUMBER and isinstance(step, (DensityStep, BlockMetropolis)):
                names += culprit(r.compiled.structure, r.chain, step)
            if r.status == marginal_moves.NOT_FINITE and isinstance(step, MarginalMove):
                names = step.trouble(r.chain)
            rows = impossible_rows(r.compiled, r.chain) if r.status in _OF_ROWS else ""
            raise _failure(r.status, f"chain {r.number}, sweep {r.sweeps + 1}, {names}", rows)


_OF_ROWS = (labels.IMPOSSIBLE_ROW, labels.NOT_A_NUMBER_ROW)


def _failure(status: int, where: str, rows: str = "") -> McmixError:
    if status == gibbs.COLLAPSED:
        return ImproperPosterior(
            f"{where}: a scale collapsed. A component has shrunk onto equal data values: under this prior the "
            "posterior cannot be normalised. Give the scale a prior that vanishes at zero, e.g. InverseGamma on "
            "the variance or Gamma on the precision, or a lower bound above the data's rounding"
        )
    texts = {
        gibbs.IMPOSSIBLE: "its full conditional cannot be normalised; give it a proper prior",
        gibbs.NOT_A_NUMBER: "its full conditional is not a number; look at what its children's parameters do there",
        labels.IMPOSSIBLE_ROW: "a row of data has probability zero under every component",
        labels.NOT_A_NUMBER_ROW: "the log density of a row is not a number; look at what the parameters do there",
        density_steps.NOT_A_NUMBER: "its log density is not a number; look at the functions below it",
        marginal_moves.NOT_FINITE: "the log density, labels summed out, or its gradient is not finite there; look at "
        "what is below these variables, or sample without marginal_moves",
        density_steps.LOST: "its present value has probability zero",
        BAD_INDEX: "a look-up went out of range",
        PYTHON_FAILED: "a user's function failed",
    }
    kind = ZeroProbability if status in (labels.IMPOSSIBLE_ROW, density_steps.LOST) else McmixError
    told = f" ({rows})" if rows else ""
    return kind(f"{where}: {texts.get(status, f'status {status}')}{told}")

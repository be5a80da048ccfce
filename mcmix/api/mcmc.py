"""MCMC: the door for users. Samples a model and hands out what came of it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api import diagnosis
from mcmix.api.alone import Alone
from mcmix.api.arguments import (
    at_least_one,
    checked_budget,
    checked_lengths,
    checked_names,
    checked_start,
    listed,
    sequence_from,
)
from mcmix.distributions.circle import circular_deviation, mean_direction
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.law import Law
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node, short
from mcmix.nodes.numbers import as_numbers, with_gaps
from mcmix.nodes.stochastic import Stochastic
from mcmix.report import frames
from mcmix.report.diagnosis.result import Diagnosis
from mcmix.report.statistics import node_statistics
from mcmix.sampling import pointwise, predictive, predictive_density, replay, state
from mcmix.sampling.ladder import Ladder, ladder_of, tempering_from
from mcmix.sampling.progress import is_watched
from mcmix.sampling.run import Buffers, Runner, Tuning, buffers, collected, run, runner
from mcmix.sampling.start import seeds_of
from mcmix.screen import say
from mcmix.steps.base import TUNE_INTERVAL, Step
from mcmix.steps.explain import explanation
from mcmix.steps.methods import NoStepper
from mcmix.steps.own import StepMethod
from mcmix.steps.plan import Assembled, assemble
from mcmix.steps.table import Choice
from mcmix.structure.ties import warn_of_ties
from mcmix.traces.memory import Draws, joined, read_only

if TYPE_CHECKING:
    from mcmix.api.sources import Source

MOST_CHAINS = 10_000
_Begun = tuple[list[Runner], "np.random.SeedSequence | None", Buffers]

LABEL_BUDGET = 256 * 2**20  # bytes of labels that one call keeps


class Trace:
    """Draws of one variable: ``m.trace("mu")[:]`` joins the chains, first axis the draws.

    What it hands out is read-only where it is the memory in which draws are kept; ``.copy()`` makes draws that can be
    changed.
    """

    def __init__(self, name: str, draws: np.ndarray):
        self.name, self._draws = name, read_only(draws)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.gettrace()[index]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["name"], state["_draws"])  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.gettrace())

    def gettrace(self, burn: int = 0, thin: int = 1) -> np.ndarray:
        """Draws of all chains one after another, each without its first `burn` and thinned."""
        kept = self._draws[:, burn::thin]
        return kept.reshape((-1, *kept.shape[2:]))

    __call__ = gettrace

    def __repr__(self) -> str:
        n_chains, n_draws, *shape = self._draws.shape
        return f"<Trace of {self.name}: {n_chains} chains x {n_draws} draws, shape {tuple(shape)}>"


class MCMC:
    """Markov chain Monte Carlo for a model; steps are chosen from the model's structure.

    Parameters
    ----------
    input : Model, or anything a Model takes
    trace : collection of str, optional
        Deterministics with one entry per row to record all the same (they are left out by default).
    name : str, optional
    label_budget : int, optional
        Bytes of labels that one call may keep (default 256 MiB); beyond it labels are not kept.
    calc_deviance : bool
        Accepted for PyMC 2's sake: the deviance is computed from kept draws when it is asked for.
    tempering : int, sequence of float or Tempering, optional
        Parallel tempering, for posteriors with modes that plain sweeps do not cross: so many levels (or these powers
        of the likelihood, falling from 1.0) for each chain; see :class:`Tempering`. A sweep costs as many times more.

    Raises
    ------
    ModelError
        If there is nothing to sample, or a step that was asked for cannot serve.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 0.01)
    >>> y = mc.Normal("y", mu, 1, value=[0.9, 1.1, 1.0], observed=True)
    >>> m = mc.MCMC([mu])
    >>> _ = m.sample(2000, 500, chains=2, seed=1)
    >>> bool(abs(m.trace("mu")[:].mean() - 0.9967) < 0.05)
    True
    """

    def __init__(
        self,
        input: Any,
        *,
        trace: Collection[str] = (),
        name: str = "MCMC",
        label_budget: int = LABEL_BUDGET,
        calc_deviance: bool = True,
        tempering: Any = None,
        **unknown: Any,
    ):
        if unknown:
            listed = ", ".join(map(repr, unknown))
            raise TypeError(
                f"MCMC: unknown keyword {listed}; accepted: trace, name, label_budget, calc_deviance, tempering"
            )
        self.model = input if isinstance(input, Model) else Model(input)
        self.name = name
        self.label_budget = checked_budget(label_budget)
        self._asked = checked_names(trace)
        self._choices: list[Choice] = []
        self._draw_from_prior = True
        self._tempering = tempering_from(tempering)
        self._assembled: Assembled | None = None
        self._status: tuple[Any, ...] = ()
        self._runners: list[Runner] = []
        self._calls: list[Draws] = []
        self._was_read = False  # whether these came from elsewhere
        self._deviances: dict[int, np.ndarray] = {}
        self._seen: tuple[Draws, Diagnosis] | None = None
        self.seed_sequence: np.random.SeedSequence | None = None
        self.interrupted = False  # whether the last call ended early: Ctrl-C, SIGTERM, halt()
        self.lengths = (0, 0, 1)  # iterations, burn-in and thinning of the last call
        self.sampling_seconds = 0.0  # of the slowest chain in the last call
        self.sampling_wall_seconds = 0.0  # of the last call, waiting for all chains
        if not self.model.stochastics:
            raise ModelError("the model has nothing to sample: every random node is observed")

    # ---------------------------------------------------------------- copies

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: the model, what was asked for, draws, and the chains' state without addresses."""
        held = dict(self.__dict__)
        for made_anew in ("_assembled", "_status", "_runners", "_deviances", "_seen"):
            held.pop(made_anew)
        held["deviances"] = [self._deviances.get(id(call)) for call in self._calls]
        held["chains"] = state.Saved.of(self._runners) if self._runners else None
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        held = dict(held)
        chains, deviances = held.pop("chains"), held.pop("deviances")
        self.__dict__.update(held)
        self._assembled, self._status, self._runners, self._seen = None, (), [], None
        self._deviances = {id(c): x for c, x in zip(self._calls, deviances, strict=True) if x is not None}
        if self._calls:
            for node in self.model.nodes:
                node.sampler = weakref.ref(self)
        if chains is not None:
            self._runners, self.seed_sequence = self._chains_at(chains)

    # ---------------------------------------------------------------- before the run

    @property
    def assembled(self) -> Assembled:
        """The model made ready to run: structure seen, steps chosen, programs compiled."""
        status = tuple(n.status for n in self.model.nodes if isinstance(n, Stochastic))
        if self._assembled is not None and status != self._status:
            if self._runners:
                raise ModelError(
                    "a node was observed or unobserved after the chains had started; make a new MCMC object"
                )
            self._assembled = None
        if self._assembled is None:
            self._status = status
            self._assembled = self._made(self._choices)
        return self._assembled

    def _made(self, choices: Sequence[Choice]) -> Assembled:
        made = assemble(self.model, self._asked, choices, self._draw_from_prior, self._tempering is not None)
        in_python = [v.name for s in made.steps if s.in_python for v in s.variables]
        if self._tempering is not None and in_python:
            raise ModelError(f"tempering: expected compiled steps, got steps in Python for {', '.join(in_python)}")
        return made

    def use_step_method(self, step: Any, *nodes: Any, **options: Any) -> None:
        """Serve nodes with a step of your choice instead of the one from the table.

        Parameters
        ----------
        step : class
            ``mc.Slicer``, ``mc.Metropolis``, ``mc.AdaptiveMetropolis``, ``mc.NoStepper`` ..., or your own subclass of
            ``mc.StepMethod``.
        nodes : Stochastic, name, or list of these
            A list goes to one AdaptiveMetropolis (or one step of yours) that moves its members together; other steps
            are made for each. What follows the nodes goes to the step's constructor.
        options
            Keywords of the step's constructor, such as ``proposal_sd=2.0``.

        Raises
        ------
        ModelError
            If the chains have started, a node is not in the model, or the step cannot serve it.

        Examples
        --------
        >>> import mcmix as mc
        >>> mu = mc.Normal("mu", 0, 1)
        >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
        >>> m = mc.MCMC([mu, y])
        >>> m.use_step_method(mc.Metropolis, mu, proposal_sd=0.5)
        >>> m.step_method_dict[mu]
        [<adaptive Metropolis step for mu: chosen by the user>]
        """
        with Alone(self, "use_step_method") as held:
            choices = held.letting_through(lambda: self._choices_with(step, nodes, options))
            self._assembled, self._choices = held.letting_through(lambda: self._made(choices)), choices

    def _choices_with(self, step: Any, nodes: tuple[Any, ...], options: dict[str, Any]) -> list[Choice]:
        """The steps that were asked for, and one more."""
        self._refuse_started("use_step_method")
        if not (isinstance(step, type) and issubclass(step, Step)):
            raise ModelError(f"use_step_method: expected a step class such as mc.Slicer, got {step!r}")
        groups = [n for n in nodes if _names_nodes(n)]
        rest = tuple(n for n in nodes if not _names_nodes(n))
        if not groups:
            came = ", ".join(map(repr, rest)) or "none"
            raise ModelError(f"use_step_method: expected a node for {step.__name__}, got {came}")
        together = StepMethod in step.__mro__ and (
            getattr(step, "several", False) or not step.__module__.startswith("mcmix.")
        )
        wanted = [g for group in groups for g in self._groups(group, together)]
        return [*self._choices, *[Choice(step, tuple(g), rest, options) for g in wanted]]

    def _groups(self, group: Any, together: bool) -> list[list[Stochastic]]:
        """The nodes named, each with a step of its own or all with one."""
        named = group if isinstance(group, (list, tuple)) else [group]
        chosen: list[Any] = [self._node(n, "use_step_method") if isinstance(n, str) else n for n in named]
        for node in chosen:
            if not any(node is n for n in self.model.stochastics):
                raise ModelError(f"use_step_method: expected an unknown of the model, got {node!r}")
        return [chosen] if together else [[node] for node in chosen]

    def temper(self, tempering: Any) -> None:
        """Sample with parallel tempering (or, given None, without): see ``tempering`` of :class:`MCMC`.

        Raises
        ------
        ModelError
            If the chains have started.
        """
        with Alone(self, "temper"):
            self._temper(tempering)

    def _temper(self, tempering: Any) -> None:
        self._refuse_started("tempering")
        self._tempering, self._assembled = tempering_from(tempering), None

    def remove_step_method(self, step: Any) -> None:
        """Take back a step (or several) that was asked for; its nodes get one from the table again."""
        with Alone(self, "remove_step_method") as held:
            self._choices = held.letting_through(lambda: self._choices_without(step))
            self._assembled = None

    def _choices_without(self, step: Any) -> list[Choice]:
        self._refuse_started("remove_step_method")
        removed = list(step) if isinstance(step, (list, tuple, set)) else [step]
        for one in removed:
            if one not in self.step_methods:
                raise ModelError(f"remove_step_method: expected one of this sampler's step_methods, got {one!r}")
        nodes = {n for one in removed for n in one.nodes}
        return [c for c in self._choices if not nodes & set(c.nodes)]

    def assign_step_methods(self, verbose: int = -1, draw_from_prior_when_possible: bool = True) -> None:
        """Choose steps now (sample() does it otherwise); optionally sample what no data hang on like the rest."""
        with Alone(self, "assign_step_methods") as held:
            self._refuse_started("assign_step_methods")
            self._draw_from_prior, self._assembled = draw_from_prior_when_possible, None
            held.letting_through(lambda: self.assembled)

    @property
    def step_methods(self) -> list[Step]:
        """The steps, in the order of a sweep."""
        return list(self.assembled.steps)

    @property
    def step_method_dict(self) -> dict[Stochastic, list[Step]]:
        """The steps that serve each unknown."""
        steps = self.step_methods
        return {n: [s for s in steps if any(v is n for v in s.nodes)] for n in self.model.stochastics}

    def _refuse_started(self, what: str) -> None:
        if self._runners:
            raise ModelError(f"{what}: the chains have started; make a new MCMC object")

    def explain(self) -> None:
        """Print one line per variable: its step, why it got it, and what one sweep of it costs."""
        say(explanation(self.assembled))

    # ---------------------------------------------------------------- the run

    def sample(
        self,
        iter: float,
        burn: float = 0,
        thin: int = 1,
        tune_interval: int = TUNE_INTERVAL,
        tune_throughout: bool = False,
        save_interval: int | None = None,
        burn_till_tuned: bool = False,
        stop_tuning_after: int = 5,
        verbose: int = 0,
        progress_bar: bool = True,
        *,
        chains: int | None = None,
        cores: int | None = None,
        seed: Any = None,
        start: Mapping[Any, Any] | None = None,
        tempering: Any = None,
        **unknown: Any,
    ) -> MCMC:
        """Draw from the posterior; every call goes on from where the chains stand.

        What is reported afterwards (trace, stats, summary, to_arviz, plots) reads the draws of the last call; pass
        ``calls="all"`` to join those of all calls.

        Parameters
        ----------
        iter : int
            Sweeps of each chain, burn-in included (floats are floored).
        burn : int
            Sweeps at the beginning that are thrown away; steps adapt during them and no longer.
        thin : int
            Keep every so-manieth sweep after `burn`.
        chains : int, optional
            Number of chains; 4 at the first call, and it cannot change afterwards.
        cores : int, optional
            Threads at most; by default as many as the machine has. Draws do not depend on it.
        seed : int or SeedSequence, optional
            For the first call; the same seed gives the same draws.
        start : mapping of node or name to value, optional
            Start values of the first call; they win over the automatic start.
        tempering : int, sequence of float or Tempering, optional
            As for :class:`MCMC`; of the first call.
        progress_bar : bool
            Show progress where there is a terminal or notebook.
        tune_interval : int
            Sweeps between two looks at acceptance rates; steps written in Python adapt at these.
        tune_throughout : bool
            Go on adapting after burn-in (the draws are then not exactly from the posterior), until the acceptance
            rates were sensible at `stop_tuning_after` looks in a row.
        burn_till_tuned : bool
            Put sweeps before burn-in until every step is tuned in this sense (at most 100 intervals).
        stop_tuning_after : int
        save_interval, verbose : optional
            Accepted for PyMC 2's sake: draws stay in memory, and the progress bar says how far a run is.

        Returns
        -------
        MCMC
            Itself. Ctrl-C keeps what was drawn and says so; see :attr:`interrupted`, and the notes.

        Raises
        ------
        ModelError
            For impossible arguments; the accepted keywords are listed for an unknown one.
        ImproperPosterior
            If a scale collapses.
        ZeroProbability
            If no start or no component can explain the data.
        KeyboardInterrupt
            If Ctrl-C comes before the first sweep; nothing of the call is then left.

        Notes
        -----
        Ctrl-C and SIGTERM end every chain after the sweep it is in, and no thread is left when this returns or raises.
        Ctrl-C returns with the draws; a handler of your own is called once they are kept. After SIGTERM they are kept
        too, then your handler is called; without one ``SystemExit(143)`` is raised, so that ``finally`` blocks can
        write the draws. Signals are Python's main thread's: of a call in another thread, ``halt()`` is the end.
        While a call runs, another one of the same object is refused in every thread, as is what would change its
        chains or write them down.
        """
        if unknown:
            raise TypeError(
                f"sample: unknown keyword {', '.join(map(repr, unknown))}; accepted: iter, burn, thin, "
                "tune_interval, tune_throughout, save_interval, burn_till_tuned, stop_tuning_after, verbose, "
                "progress_bar, chains, cores, seed, start, tempering"
            )
        lengths = checked_lengths(iter, burn, thin)
        cores = None if cores is None else at_least_one(cores, "cores")
        interval, enough = (
            at_least_one(tune_interval, "tune_interval"),
            at_least_one(stop_tuning_after, "stop_tuning_after"),
        )
        tuning = Tuning(interval, enough, bool(tune_throughout))
        with Alone(self, "sample") as held:
            begun = held.letting_through(lambda: self._begun(chains, seed, start, tempering, lengths))
            out = self._go_on_from(begun)
            self.interrupted = self._advance(out, lengths, cores, tuning, bool(burn_till_tuned), progress_bar)
            self.interrupted |= bool(held.noted)  # a signal that came when all was drawn
            rows = self._keep(out, lengths)
            if self.interrupted:
                self._say_interrupted(rows)
            held.settle_ctrl_c()
        if rows > 0:
            self._say_ladder()
            self._say_verdict(progress_bar)
        return self

    def _begun(
        self, chains: int | None, seed: Any, start: Mapping[Any, Any] | None, tempering: Any, lengths: Any
    ) -> _Begun:
        """All that a call needs before its first sweep. Nothing here is the sampler's yet, so it may be interrupted."""
        iterations, burn_in, step = lengths
        before = self._tempering, self._assembled
        try:
            if tempering is not None:
                self._temper(tempering)
            chosen = self._set_up(chains, seed, start)
            out = buffers(self.assembled, len(chosen[0]), (iterations - burn_in) // step, self.label_budget)
        except BaseException:
            self._tempering, self._assembled = before
            raise
        return *chosen, out

    def _go_on_from(self, begun: _Begun) -> Buffers:
        self._runners, self.seed_sequence, out = begun
        return out

    def _advance(
        self,
        out: Buffers,
        lengths: tuple[int, int, int],
        cores: int | None,
        tuning: Tuning,
        till_tuned: bool,
        progress_bar: bool,
    ) -> bool:
        """Run the chains; return whether that ended early."""
        before = time.perf_counter()
        try:
            return run(
                self._runners,
                out,
                *lengths,
                cores=cores,
                tuning=tuning,
                till_tuned=till_tuned,
                progress_bar=progress_bar,
            )
        finally:
            self._release_nodes()
            self.sampling_wall_seconds = time.perf_counter() - before

    def _keep(self, out: Buffers, lengths: tuple[int, int, int]) -> int:
        """Take a call's draws as the last; return how many of each chain there are, which all chains have."""
        self.lengths = lengths
        self.sampling_seconds = max(r.sampled_seconds for r in self._runners)
        rows = min(r.rows for r in self._runners)
        if rows > 0:
            self._calls.append(collected(self.assembled, out, rows))
            for node in self.model.nodes:
                node.sampler = weakref.ref(self)
        return rows

    def _say_interrupted(self, rows: int) -> None:
        say(
            f"interrupted: kept {rows} draws of each of {len(self._runners)} chains; sample() goes on from here, "
            "and calls='all' joins the draws of all calls",
            error=True,
        )

    def save_state(self, path: str | Path) -> Path:
        """Write the chains' whole state (values, random streams, what steps learned) to a file; returns its path.

        Draws are not in it: see :meth:`to_arviz`. What a step of your own keeps in its attributes is not either.

        Raises
        ------
        ModelError
            If the chains have not started.
        """
        target = Path(path)
        with Alone(self, "save_state") as held:
            if not self._runners:
                raise ModelError("save_state: the chains have not started; call sample() first")
            held.letting_through(lambda: state.save(self.assembled, self._runners, target))
        return target

    def restore_state(self, path: str | Path) -> MCMC:
        """Go on where a saved run stood: the next sample() draws what that run would have drawn, bit for bit.

        Parameters
        ----------
        path : str or Path
            Written by :meth:`save_state` for the same model with the same steps.

        Raises
        ------
        ModelError
            If the chains have started, or the file is damaged or belongs to another model; the sampler is then as if
            nothing had been asked.

        Examples
        --------
        >>> import mcmix as mc, tempfile
        >>> from pathlib import Path
        >>> def build():
        ...     mu = mc.Normal("mu", 0, 1)
        ...     return mc.MCMC([mu, mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first = build().sample(200, 50, seed=1)
        ...     file = first.save_state(Path(folder) / "run.npz")
        ...     second = build().restore_state(file)
        >>> same = first.sample(100).trace("mu")[:] == second.sample(100).trace("mu")[:]
        >>> bool(same.all())
        True
        """
        with Alone(self, "restore_state") as held:
            self._refuse_started("restore_state")
            if self._calls:
                raise ModelError("restore_state: this sampler holds draws that were read; make a new MCMC object")
            begun = held.letting_through(lambda: self._restored(Path(path)))
            self._runners, self.seed_sequence = begun
        return self

    def _restored(self, path: Path) -> tuple[list[Runner], np.random.SeedSequence | None]:
        """Chains where a file says; the sampler's own only once they are whole."""
        return self._chains_at(state.read(self.assembled, path))

    def _chains_at(self, saved: state.Saved) -> tuple[list[Runner], np.random.SeedSequence | None]:
        """Chains that stand where others stood."""
        made = self.assembled
        for step in made.steps:
            step.unbind()
        sequence = self.seed_sequence or streams.nobody()
        children = streams.of_chains(sequence, saved.n_chains)
        runners = [runner(made, i, child, {}, None, self._tempering) for i, child in enumerate(children)]
        saved.restore(runners)
        return runners, sequence

    def read(self, draws: Any, *, names: Mapping[str, str] | None = None) -> MCMC:
        """Take draws from a file or from elsewhere as this sampler's own: everything then works on them.

        Parameters
        ----------
        draws : path, arviz.InferenceData, xarray.DataTree, or mapping of str to array_like
            Draws of this model, by this package or another: a netCDF file, an ArviZ object or its posterior, or arrays
            by name of shape (chains, draws, ...). The unknowns must be there, except labels (they are then summed out
            where they can be) and what has ``trace=False``.
        names : mapping of str to str, optional
            Our names of their variables, where these differ: ``{"theirs": "ours"}``.

        Returns
        -------
        MCMC
            Itself. It holds draws and no chains: to sample, make a new one. Read several files one after another, and
            ``calls="all"`` joins them.

        Raises
        ------
        ModelError
            If variables are missing, have another shape or values that the model cannot produce, or if the draws were
            made from other data or (as far as can be seen) with other priors.

        Notes
        -----
        Draws by mcmix bring their log density; of others it is computed, of the joint with labels, or with labels
        summed out where they are not there.

        Examples
        --------
        >>> import mcmix as mc, numpy as np
        >>> def build():
        ...     mu = mc.Normal("mu", 0, 1)
        ...     return mc.MCMC([mu, mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])
        >>> center = np.random.default_rng(1).normal(2 / 3, 3**-0.5, (2, 500))
        >>> m = build().read({"center": center}, names={"center": "mu"})
        >>> bool(m.trace("mu")[:].mean() == center.mean())
        True
        """
        from mcmix.api.reading import read_draws

        with Alone(self, "read") as held:
            self._refuse_started("read")
            found, source = held.letting_through(lambda: read_draws(self, draws, names))
            return self._take(found, source)

    def _take(self, found: Draws, source: Source) -> MCMC:
        """Hold draws that were read."""
        if self._calls and self._calls[-1].n_chains != found.n_chains:
            came = f"{self._calls[-1].n_chains} and {found.n_chains}"
            raise ModelError(f"read: expected as many chains as in what was read before, got {came}")
        self.seed_sequence = source.seed
        self.sampling_seconds = float(source.attributes.get("sampling_time", 0.0)) if source.own else 0.0
        self._calls.append(found)
        self._was_read = True
        for node in self.model.nodes:
            node.sampler = weakref.ref(self)
        return self

    def halt(self) -> None:
        """End the run after the present sweep, keeping what was drawn: from another thread, or a step of yours."""
        for r in self._runners:
            r.stop[0] = 1

    def or_interrupted(self) -> MCMC:
        """Itself, for loops of many runs: ``m.sample(...).or_interrupted()`` raises where Ctrl-C ended the call.

        Raises
        ------
        KeyboardInterrupt
            If the last call ended early. Its draws are kept.
        """
        if self.interrupted:
            raise KeyboardInterrupt("the last call of sample() ended early")
        return self

    def _release_nodes(self) -> None:
        """After steps in Python, which let nodes draw from a chain's stream: they have streams of their own again."""
        if any(s.in_python for s in self.assembled.steps):
            for node in self.model.stochastics:
                node._rng = None

    @property
    def ladder(self) -> Ladder | None:
        """How swaps of a tempered run went since burn-in ended, or None for a plain run."""
        calls = [r.ladder for r in self._runners if r.ladder is not None]
        return ladder_of([c.reals for c in calls]) if calls else None

    def _say_ladder(self) -> None:
        """Say when a tempered run's levels do not meet."""
        ladder = self.ladder
        if ladder is not None and ladder.trouble is not None:
            say(f"tempering: {ladder.trouble}", error=True)

    def _say_verdict(self, progress_bar: bool) -> None:
        """Say on the screen what the run is worth: always where something is wrong, else where somebody looks."""
        try:
            seen = self._at_a_glance()
        except MemoryError:  # whatever a look at the draws costs, it must not take them along
            say("the verdict was left out for want of memory; the draws are kept", error=True)
            return
        if seen.wrong or (seen.ok and progress_bar and is_watched()):
            say(seen.verdict, error=True)

    def _at_a_glance(self) -> Diagnosis:
        draws = self.draws()
        if self._seen is None or self._seen[0] is not draws:
            self._seen = draws, diagnosis.at_a_glance(self, draws)
        return self._seen[1]

    def _set_up(
        self, chains: int | None, seed: Any, start: Mapping[Any, Any] | None
    ) -> tuple[list[Runner], np.random.SeedSequence | None]:
        """The chains, made at the first call, and what seeds them."""
        if self._runners:
            if (chains is not None and chains != len(self._runners)) or seed is not None or start is not None:
                raise ModelError(
                    f"sample: the chains have started ({len(self._runners)} of them); chains, seed and start belong to "
                    "the first call"
                )
            return self._runners, self.seed_sequence
        if self._was_read:
            raise ModelError("sample: this sampler holds draws that were read; make a new MCMC object to sample")
        n_chains = at_least_one(4 if chains is None else chains, "chains")
        if n_chains > MOST_CHAINS:
            raise ModelError(f"sample: chains expected at most {MOST_CHAINS}, got {n_chains}")
        sequence = sequence_from(seed)
        made = self.assembled
        warn_of_ties(made.structure)
        if not self.model.holds_data and not self.model.potentials:
            say("the model has no data: these are draws from the prior", error=True)
        if self.model.left_out:
            names = ", ".join(n.name for n in self.model.left_out)
            say(
                f"not in the model, though it depends on its unknowns (list it to include it): {names}",
                error=True,
            )
        given = self._given(checked_start(start))
        for step in made.steps:
            step.unbind()
        children = streams.of_chains(sequence, n_chains)
        pools = seeds_of(made, sequence)
        return [runner(made, i, child, given, pools, self._tempering) for i, child in enumerate(children)], sequence

    def _given(self, start: Mapping[Any, Any]) -> dict[Stochastic, Any]:
        """Start values by node: what nodes were given as value=, then what the call says."""
        found = {n: n.given for n in self.model.stochastics if n.given is not None}
        held = [n for s in self.assembled.steps if isinstance(s, NoStepper) for n in s.nodes]
        found |= {n: n.value for n in held}
        for key, value in start.items():
            node = key if isinstance(key, Node) else self._node(str(key), "start")
            if not isinstance(node, Stochastic) or node not in self.model.stochastics:
                raise ModelError(f"start: expected unknowns of the model, got {key!r}")
            found[node] = self._start_value(node, value)
        return found

    def _start_value(self, node: Stochastic, value: Any) -> np.ndarray:
        array = np.asarray(as_numbers(f"start: {node.name}", value))
        if array.shape not in ((), node.shape):
            raise ModelError(f"start: {node.name} expected shape {node.shape}, got {array.shape}")
        if not np.isfinite(array).all():
            raise ModelError(f"start: {node.name} expected finite numbers, got {short(array)}")
        if isinstance(node, Law):
            node.check_value(np.broadcast_to(array, node.shape))
        return array

    # ---------------------------------------------------------------- draws

    def draws(self, calls: str | None = None) -> Draws:
        """Draws of the last call, or of all calls with ``calls="all"``.

        Raises
        ------
        ModelError
            If nothing was drawn yet.
        """
        if not self._calls:
            raise ModelError("nothing was drawn yet; call sample() first")
        if calls not in (None, "all", "last"):
            raise ModelError(f"calls: expected 'last' or 'all', got {calls!r}")
        return joined(self._calls) if calls == "all" else self._calls[-1]

    def trace(self, name: Any, chain: int | None = None, calls: str | None = None) -> Trace:
        """Draws of one variable, or of the ``"deviance"`` (see :attr:`deviance`).

        Parameters
        ----------
        name : str or node
        chain : int, optional
            One chain; by default all.
        calls : {"last", "all"}, optional

        Raises
        ------
        ModelError
            If there is no such variable (the names are listed) or its draws were not kept (and why).
        """
        draws = self.draws(calls)
        key = name.name if isinstance(name, Node) else str(name)
        if key not in draws.variables and key != "deviance":
            raise ModelError(self._missing(key, draws))
        values = draws.variables[key] if key in draws.variables else self._deviance(calls)
        if chain is not None:
            if not -draws.n_chains <= chain < draws.n_chains:
                raise ModelError(f"trace: chain expected 0 to {draws.n_chains - 1}, got {chain}")
            values = values[[chain]]
        return Trace(key, values)

    def _missing(self, key: str, draws: Draws) -> str:
        labels = {n.name for n in self.assembled.labels}
        if key in labels:
            return (
                f"trace: the labels of {key!r} were not kept (they exceed label_budget={self.label_budget} bytes); "
                f"use memberships({key!r}), or thin"
            )
        if key in draws.moments:
            return (
                f"trace: the missing entries of {key!r} were not kept (they exceed label_budget={self.label_budget} "
                f"bytes); moments({key!r}) has their mean and standard deviation; or thin"
            )
        if key in self.assembled.per_row:
            return f"trace: {key!r} has one entry per row and is not kept unasked; make MCMC(..., trace=[{key!r}])"
        return f"trace: no variable named {key!r}; there are {', '.join(sorted(draws.variables))}"

    def _node(self, name: str, what: str) -> Node:
        try:
            return self.model.get_node(name)
        except KeyError as error:
            raise ModelError(f"{what}: {error.args[0]}") from error

    @property
    def deviance(self) -> np.ndarray:
        """Minus twice the log likelihood of the data at each draw of the last call, labels summed out.

        Computed from the kept draws when first asked for; ``trace("deviance")`` has it by chain.
        """
        return self.trace("deviance")[:]

    def _deviance(self, calls: str | None) -> np.ndarray:
        """By chain and draw."""
        for call in self._calls if calls == "all" else self._calls[-1:]:
            if id(call) not in self._deviances:
                self._deviances[id(call)] = pointwise.deviance(self.assembled, call)
        wanted = self._calls if calls == "all" else self._calls[-1:]
        return np.concatenate([self._deviances[id(call)] for call in wanted], axis=1)

    def remember(self, chain: int = -1, trace_index: int | None = None) -> None:
        """Set the nodes' values from a kept draw of the last call, so that they and what depends on them show it.

        Labels and other unknowns that were not kept stay as they are.

        Parameters
        ----------
        chain : int
            By default the last.
        trace_index : int, optional
            Position of the draw within its chain; by default the last (PyMC 2 took one at random).

        Raises
        ------
        ModelError
            If there is no such chain or draw.
        """
        draws = self.draws()
        index = -1 if trace_index is None else trace_index
        with Alone(self, "remember"):  # steps in Python let the nodes show a chain's values
            self._show_draw(draws, chain, index)

    def _show_draw(self, draws: Draws, chain: int, index: int) -> None:
        for value, n, what in ((chain, draws.n_chains, "chain"), (index, draws.n_draws, "trace_index")):
            if not (isinstance(value, (int, np.integer)) and -n <= value < n):
                raise ModelError(f"remember: {what} expected a whole number from 0 to {n - 1}, got {value!r}")
        for node in self.model.stochastics:
            if node.name in draws.variables:
                node.value = draws.variables[node.name][chain, index]

    # ---------------------------------------------------------------- replicates

    def prior_predictive(self, n: int = 500, seed: Any = None, names: Any = None) -> dict[str, np.ndarray]:
        """Draws of unknowns and replicates of data from their laws; see :meth:`mcmix.Model.prior_predictive`."""
        return self.model.prior_predictive(n, seed, names)

    def posterior_predictive(self, n: int = 1000, seed: Any = None, names: Any = None) -> dict[str, np.ndarray]:
        """Replicates of the data at kept draws of the last call.

        Label vectors are drawn anew from their law given the kept parameters, so a replicate is one of new units, and
        free of labels and their switching. (Labels of rows whose other unknowns were kept, and labels that do not
        separate by row, are taken as kept.) Other unknowns that were not kept are drawn from their law given their
        parents, and named on the screen. Data that depend on other data follow their replicates where both are asked
        for. Potentials are no laws: they are left aside.

        Parameters
        ----------
        n : int
            Draws at most, evenly spaced over all chains.
        seed : int, SeedSequence or Generator, optional
        names : str, node or sequence of these, optional
            Data nodes; by default all that can be drawn (those that cannot are named on the screen).

        Returns
        -------
        dict of str to ndarray, shape (draws, *shape of the data)
            Draws of the first chain first.

        Raises
        ------
        ModelError
            If a node cannot be drawn, draws that are needed were not kept, or the arrays would exceed 1 GiB.
        """
        draws = self.draws()
        positions = draws.thinned(at_least_one(n, "n", "posterior_predictive"))
        return predictive.posterior_predictive(self.assembled, draws, positions, seed, names)

    # ---------------------------------------------------------------- reports

    def stats(
        self,
        variables: Sequence[Any] | str | None = None,
        alpha: float = 0.05,
        start: int = 0,
        batches: int = 100,
        chain: int | None = None,
        quantiles: Sequence[float] = (2.5, 25, 50, 75, 97.5),
        calls: str | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Per variable: n, mean, standard deviation, mc error, quantiles, and the highest-density interval.

        The interval's key follows alpha: ``'95% HPD interval'`` for 0.05; its value has shape (2, *shape). Of angles
        (variables of a law such as VonMises) all of it is circular, in (-pi, pi].
        """
        draws = self.draws(calls)
        names = self._reported(draws) if variables is None else listed(variables)
        found = {}
        for name in names:
            values = self.trace(name, chain, calls)._draws[:, start:]
            circular = (name.name if isinstance(name, Node) else str(name)) in draws.angles
            found[name] = node_statistics(values, alpha, batches, tuple(quantiles), circular)
        return found

    @property
    def verdict(self) -> str:
        """What the last call's draws are worth, in one to three lines; :meth:`diagnose` has the whole of it.

        ``sample`` prints it where something is wrong, and where there is a terminal or notebook.
        """
        return self._at_a_glance().verdict

    def diagnose(self, calls: str | None = None) -> Diagnosis:
        """Whether the run can be trusted: a verdict, every finding, and how well each quantity mixes.

        Chains are compared by what no name of a component enters (log density, log likelihood with labels summed out,
        sorted components, number of occupied components, entropy of the labels, predictive density at some rows of the
        data) and by each variable under its name, which decides nothing where components are exchangeable.

        Looked for are chains that disagree or stand apart, steps that are never accepted, unknowns that never move,
        weights that collapse to the boundary, components that are empty or never filled again, label switching, and
        too few effective draws. R-hat is 1 where chains agree; above 1.1 they are said to disagree. Effective draws
        should be 100 for each chain, and 400.

        Parameters
        ----------
        calls : {"last", "all"}, optional

        Returns
        -------
        Diagnosis
            ``verdict``, ``ok``, ``findings`` (each with ``kind``, ``severity``, ``what``, ``advice``) and ``table``, a
            DataFrame with a row for each quantity. Likelihood and predictive density are computed at 400 draws.

        Raises
        ------
        ModelError
            If nothing was drawn yet.

        Notes
        -----
        Rank-normalised split R-hat, bulk and tail effective draws: Vehtari, Gelman, Simpson, Carpenter and Buerkner
        (2021), "Rank-normalization, folding, and localization", Bayesian Analysis 16(2).

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> w = mc.Dirichlet("w", [1, 1])
        >>> mu = mc.Normal("mu", 0, 0.01, size=2)
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
        >>> found = m.sample(1000, 200, seed=1).diagnose()
        >>> found.ok, sorted(set(found.table["kind"]))
        (True, ['label-invariant', 'named'])
        """
        return diagnosis.in_full(self, self.draws(calls))

    def relabel(self, method: str = "auto", **options: Any) -> Any:
        """Draws with one name for each component; see :func:`mcmix.relabel`."""
        from mcmix.api.relabel import relabel

        return relabel(self, method, **options)

    def sensitivity(
        self, priors: Any = None, names: Any = None, *, draws: int = 4000, calls: str = "last", method: str = "auto"
    ) -> Any:
        """How the posterior answers to its priors and likelihood, by power-scaling; see :func:`mcmix.sensitivity`."""
        from mcmix.api.sensitivity import sensitivity

        return sensitivity(self, priors=priors, names=names, draws=draws, calls=calls, method=method)

    def summary(
        self, variables: Sequence[Any] | str | None = None, alpha: float = 0.05, calls: str | None = None
    ) -> Any:
        """A pandas DataFrame: mean, sd, interval, Monte Carlo errors, effective draws and R-hat of every element."""
        draws = self.draws(calls)
        names = (
            self._reported(draws) if variables is None else [self.trace(v, calls=calls).name for v in listed(variables)]
        )
        if not names:
            raise ModelError("summary: only labels were sampled; look at memberships()")
        return frames.summary_frame(draws, names, alpha=alpha)

    def _reported(self, draws: Draws) -> list[str]:
        labels = {n.name for n in self.assembled.labels}
        return [name for name in draws.variables if name not in labels]

    def moments(self, name: Any) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation of a variable, element by element, over all chains.

        Missing entries that are too many to be kept draw by draw have running ones.

        Returns
        -------
        mean, standard deviation : ndarray of the variable's shape (missing entries: one axis)
        """
        draws = self.draws()
        key = name.name if isinstance(name, Node) else str(name)
        if key in draws.moments:
            return draws.moments[key]
        kept = self.trace(key)[:]
        if key in draws.angles:
            return mean_direction(kept, axis=0), circular_deviation(kept, axis=0)
        return kept.mean(0), kept.std(0)

    def completed(self, name: Any) -> np.ndarray:
        """Data with the posterior mean in the place of each missing entry (for labels and counts, of their numbers)."""
        node = self._node(name, "completed") if isinstance(name, str) else name
        assert isinstance(node, Stochastic)
        return np.asarray(node.completed(self.moments(node)[0] if node.mask is not None else node.value))

    def memberships(self, new: Any = None, at_most: int = 1000, *, label: Any = None, name: Any = None) -> np.ndarray:
        """Posterior probability of each component for each unit, or for new rows.

        From soft passes over thinned draws; of a new row, the plain mean of what each draw says of it. Labels are as
        sampled: where components are exchangeable, relabel before reading them.

        Parameters
        ----------
        new : array_like or dict of str to array_like, optional
            Rows as those of the data; by name where several data nodes hang on the labels. NaN for missing coordinates.
        at_most : int
            Draws that are averaged over.
        label : node or name, optional
            Which label vector; by default the first, and for new rows the only one. ``memberships("z")`` and ``name=``
            say the same.

        Returns
        -------
        ndarray, shape (units or rows, K)
            Units whose label is known have it for certain.

        Raises
        ------
        ModelError
            As for :meth:`predict_logpdf`; or if there are no labels.

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> w = mc.Dirichlet("w", [1, 1])
        >>> mu = mc.Normal("mu", [0, 9], 1.0)
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
        >>> _ = m.sample(600, 100, chains=2, seed=1)
        >>> m.memberships([0.2, 8.7]).round(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        if isinstance(new, (str, Node)):
            new, label = None, new
        node = self._label(name if label is None else label, "memberships")
        if new is not None:
            return predictive_density.memberships(self.assembled, self.draws(), new, node, at_most)
        nodes = self.assembled.labels
        if not nodes:
            raise ModelError("memberships: the model has no label vector")
        return pointwise.memberships(self.assembled, self.draws(), nodes[0] if node is None else node, at_most)

    def predict_logpdf(self, new: Any, *, label: Any = None, draws: int = 1000) -> np.ndarray:
        """Log posterior predictive density of new rows, labels summed out: shape (rows,).

        Free of label switching: it is the log of the mean, over kept draws, of the density that the draw's own weights
        and components give a row.

        Parameters
        ----------
        new : array_like or dict of str to array_like
            Rows as those of the data; by name where several data nodes hang on the labels (or, without labels, where
            there are several). NaN for missing coordinates of tables and of normal vectors: they are integrated out.
        label : node or name, optional
            Which label vector, where rows of data hang on several that do not meet.
        draws : int
            Kept draws of the last call to average over, evenly spaced over all chains.

        Returns
        -------
        ndarray, shape (rows,)
            Of rows of counts (Multinomial), given each row's own total.

        Raises
        ------
        ModelError
            If the rows do not fit, a law's parameters depend on the data's own rows (offsets, exposures, groups,
            censoring), labels cannot be summed out, or draws that are needed were not kept.

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> w = mc.Dirichlet("w", [1, 1])
        >>> mu = mc.Normal("mu", 0, 0.01, size=2)
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
        >>> _ = m.sample(600, 100, chains=2, seed=1)
        >>> int(m.predict_logpdf([0.0, 4.5, 9.0]).argmin())
        1
        """
        node, most = self._label(label, "predict_logpdf"), at_least_one(draws, "draws", "predict_logpdf")
        return predictive_density.predict_logpdf(self.assembled, self.draws(), new, node, most)

    def _label(self, given: Any, what: str) -> Stochastic | None:
        node = self._node(given, what) if isinstance(given, str) else given
        if not (node is None or isinstance(node, Stochastic)):
            raise ModelError(f"{what}: expected a label vector or its name, got {given!r}")
        return node

    def predictive_density(self, name: str | None, grid: Any, n_draws: int = 200) -> np.ndarray:
        """Density of a new row of a data node at each grid point, at thinned draws, labels summed out.

        Returns
        -------
        ndarray, shape (n_draws, grid)
        """
        return self.component_densities(name, grid, n_draws).sum(axis=1)

    def component_densities(self, name: str | None, grid: Any, n_draws: int = 200) -> np.ndarray:
        """As :meth:`predictive_density`, each component apart and times its weight; shape (n_draws, K, grid)."""
        node = self._data(name)
        return replay.component_densities(
            self.assembled, self.draws(), node, with_gaps("component_densities: grid", grid), n_draws
        )

    def observed_data(self) -> dict[str, np.ndarray]:
        """The data by node name; NaN where an entry is missing."""
        return {n.name: _with_gaps(n) for n in self.model.data_nodes}

    def is_discrete(self, name: str) -> bool:
        """Whether a data node takes whole numbers only."""
        family = self._data(name).family
        return bool(family is not None and family.support.discrete)

    def _data(self, name: str | None) -> Stochastic:
        data = self.model.data_nodes
        if name is None and len(data) != 1:
            raise ModelError(f"which data node? there are {', '.join(n.name for n in data) or 'none'}")
        node = data[0] if name is None else self._node(name, "density")
        assert isinstance(node, Stochastic)
        return node

    def to_arviz(
        self,
        *,
        log_likelihood: bool = False,
        log_prior: bool = False,
        posterior_predictive: bool = False,
        prior: bool = False,
        at_most: int = 1000,
        calls: str | None = None,
    ) -> Any:
        """Everything for ArviZ: groups posterior, sample_stats, observed_data, and more on request.

        Parameters
        ----------
        log_likelihood : bool
            One entry per unit of the label vector, labels summed out, on at most `at_most` evenly thinned draws (stated
            in the group's attributes and on the screen); ``az.loo`` is then meaningful. The posterior is thinned alike.
        log_prior : bool
            Log prior density of every unknown but labels and missing data.
        posterior_predictive : bool
            Replicates of the data on at most `at_most` evenly thinned draws; see :meth:`posterior_predictive`.
        prior : bool
            Groups prior and prior_predictive, one chain of 500 draws; see :meth:`prior_predictive`. As with
            posterior_predictive, the seed is the run's.
        at_most : int
            Draws of all chains together for log_likelihood and posterior_predictive.
        calls : {"last", "all"}, optional

        Returns
        -------
        arviz.InferenceData (ArviZ 0.x) or xarray.DataTree (ArviZ 1.x)
        """
        from mcmix.api.export import Wanted, exported

        wanted = Wanted(log_likelihood, log_prior, posterior_predictive, prior, at_most)
        return exported(self, self.draws(calls), wanted)

    def report(self, folder: str | Path, **options: Any) -> Path:
        """Write a page about the run: verdict, tables, figures, the model, and how to repeat it.

        Parameters
        ----------
        folder : str or Path
            Made if need be; the page is ``report.html`` in it, one file that holds its figures and asks no other host.
        **options
            ``title``, ``comparison`` (from :func:`mcmix.compare`), ``notes``, ``calls``; see :mod:`mcmix.api.report`.

        Returns
        -------
        Path
            Of the page.

        Examples
        --------
        >>> m.report("folder", comparison=mc.compare({2: m, 3: other}))  # doctest: +SKIP
        """
        from mcmix.api.report import report

        return report(self, folder, **options)

    def __repr__(self) -> str:
        last = self._calls[-1] if self._calls else None
        drawn = f"{last.n_chains} chains x {last.n_draws} draws" if last is not None else "not sampled yet"
        drawn += f"; {self._seen[1].headline}" if self._seen is not None else ""
        return f"<MCMC of {self.model!r}: {drawn}>"

    def _repr_html_(self) -> str:
        from html import escape

        said = f"{self._seen[1].verdict}\n\n" if self._seen is not None else ""
        return f"<b>{escape(repr(self))}</b><pre>{escape(said + str(explanation(self.assembled)))}</pre>"


def _names_nodes(value: Any) -> bool:
    """Whether it is a node, a name, or a list of these."""
    named = value if isinstance(value, (list, tuple)) and value else [value]
    return all(isinstance(n, (Node, str)) for n in named)


def _with_gaps(node: Stochastic) -> np.ndarray:
    return np.asarray(node.value) if node.mask is None else np.where(node.mask, np.nan, np.asarray(node.known))


__all__ = ["MCMC", "Trace"]

"""MCMC: what users call. Samples a model and hands out what came of it."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from mcmix.api.alone import Alone
from mcmix.api.arguments import at_least_one, checked_flag, checked_lengths
from mcmix.api.destinations import Destination, store_from, watch_of
from mcmix.api.posterior import Posterior
from mcmix.api.started import Started
from mcmix.errors import ClusterError, ModelError
from mcmix.kernels.crew import CREW
from mcmix.nodes.model import Model
from mcmix.sampling.buffers import with_rooms
from mcmix.sampling.checkpoints import Length
from mcmix.sampling.interrupts import HeldBack
from mcmix.sampling.ladder import Ladder, ladder_of
from mcmix.sampling.progress import is_watched
from mcmix.sampling.run import run
from mcmix.sampling.runner import Tuning
from mcmix.screen import say
from mcmix.steps.base import TUNE_INTERVAL
from mcmix.steps.explain import explanation
from mcmix.steps.renumbered import renumbered
from mcmix.structure.rows import Rows
from mcmix.traces.memory import Draws

LOG = logging.getLogger("mcmix")
LABEL_BUDGET = 256 * 2**20  # bytes of labels that one call keeps


class MCMC(Started):
    """Markov chain Monte Carlo for a model; steps are chosen from the model's structure.

    Parameters
    ----------
    input : Model, or anything a Model takes
    trace : collection of str, optional
        Deterministics with one entry per row to record all the same (they are left out by default), and labels of rows
        that stay on disk, as long as these fit `label_budget`.
    name : str, optional
    label_budget : int, optional
        Bytes of labels that one call may keep (default 256 MiB); beyond it labels are not kept.
    calc_deviance : bool
        Accepted for PyMC 2's sake: the deviance is computed from kept draws when it is asked for.
    tempering : int, sequence of float or Tempering, optional
        Parallel tempering, for posteriors with modes that plain sweeps do not cross: so many levels (or these powers
        of the likelihood, falling from 1.0) for each chain; see :class:`Tempering`. A sweep costs as many times more.
    marginal_moves : bool, optional
        Move all continuous unknowns together with the labels summed out (:class:`MarginalMove`), from starts about the
        modes that a search finds: far more effective draws where components overlap or rows are many. By default the
        first call decides: where there is burn-in to learn in (100 sweeps), not only every tenth sweep or fewer are
        kept, no step was asked for, all continuous unknowns can be moved, and rows are few or few weighted rows stand
        for them. Given True, it is done wherever it can be; where it cannot, the usual steps stay, and :meth:`explain`
        says why. Labels that are not kept are then drawn at the end of a call alone, and the log density that is kept
        is that without labels.
    dims : mapping of node name to (str or tuple of str), optional
    coords : mapping of str to array_like, optional
        Names of the axes of nodes, and labels along them, as for :class:`Model`.

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
        marginal_moves: bool | None = None,
        dims: Mapping[str, Any] | None = None,
        coords: Mapping[str, Any] | None = None,
        **unknown: Any,
    ):
        if unknown:
            listed = ", ".join(map(repr, unknown))
            raise TypeError(
                f"MCMC: unknown keyword {listed}; accepted: trace, name, label_budget, calc_deviance, tempering, "
                "marginal_moves, dims, coords"
            )
        named = dims is not None or coords is not None
        model = input if isinstance(input, Model) and not named else Model(input, dims=dims, coords=coords)
        super().__init__(model, trace, label_budget, tempering, marginal_moves)
        self.name = name
        self.interrupted = False  # whether the last call ended early: Ctrl-C, SIGTERM, halt()

    _kind = "MCMC"

    @property
    def posterior(self) -> Posterior:
        """What came out of the calls so far, as an object of its own that does not go on drawing."""
        found = Posterior(self.model, self._calls, self.seed_sequence)
        found._assembled, found.label_budget = self.assembled, self.label_budget
        found.lengths, found.sampling_seconds = self.lengths, self.sampling_seconds
        found.sampling_wall_seconds = self.sampling_wall_seconds
        return found

    def _like_this_on(self, rows: Rows) -> MCMC | None:
        """Another sampler, set up as this one, on other rows, where it can take along what was assembled here.

        This one is of no further use then: both hold one compiled model.

        Parameters
        ----------
        rows : Rows
            Of the model's nodes and shapes.

        Returns
        -------
        MCMC or None
            None where the plan depends on the rows' numbers.
        """
        compiled = self.assembled
        if compiled.by_room is not None or not renumbered(compiled, rows):
            return None
        found = MCMC(self.model)
        found._asked, found._choices, found.label_budget = self._asked, self._choices, self.label_budget
        found._draw_from_prior, found._tempering = self._draw_from_prior, self._tempering
        found._marginal_moves = self._marginal_moves
        found._rows, found._before = compiled.rows, compiled.recording
        found._assembled, found._status = compiled, self._status
        return found

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
        store: Any = None,
        overwrite: bool = False,
        progress_file: Any = None,
        client: Any = None,
        **unknown: Any,
    ) -> MCMC:
        """Sample from the posterior. Later calls resume the chains from their current state.

        What is reported afterwards (trace, stats, summary, to_arviz, plots) reads the draws of the last call; pass
        ``calls="all"`` to join those of all calls.

        Parameters
        ----------
        iter : int
            Iterations of each chain (one Gibbs sweep over all variables each), burn-in included; floats are floored.
        burn : int
            Iterations at the beginning that are discarded; steps adapt during them and no longer.
        thin : int
            Thinning interval: keep every `thin`-th draw after burn-in.
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
        store : str, Path or Store, optional
            A folder, named ``run.zarr`` say, into which draws go while the call goes on: memory holds a few of them,
            whatever its length. :func:`load` reads it, also meanwhile and after a kill; :func:`resume` goes on with a
            call that was cut, bit for bit. :class:`Store` says more: what is kept of labels, how often the chains'
            state is. Needs ``pip install 'mcmix[store]'``.
        overwrite : bool
            Begin anew where `store` has draws already; refused without it.
        progress_file : str or Path, optional
            A file to which a line of JSON is added each second: iterations done, draws, draws a second, seconds left,
            and the quantity with the fewest effective draws so far.
        client : dask.distributed.Client, optional
            Sample on the workers of a Dask cluster. Rows go there in shards and stay there, with their labels, where an
            iteration goes over more than 262,144 of them and asks for counts and sums alone; else each chain is swept
            there, half a second at a time. Draws are those without a cluster; labels in shards are not kept. Needs
            ``pip install 'mcmix[cluster]'``.
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
            Accepted for PyMC 2's sake; see `store`, and the progress bar says how far a run is.

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
        ClusterError
            If the cluster is lost; what was drawn is kept.
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
                "progress_bar, chains, cores, seed, start, tempering, store, overwrite, progress_file, "
                "client"
            )
        length = Length(*checked_lengths(iter, burn, thin))
        cores = None if cores is None else at_least_one(cores, "cores")
        interval, enough = (
            at_least_one(tune_interval, "tune_interval"),
            at_least_one(stop_tuning_after, "stop_tuning_after"),
        )
        tuning = Tuning(interval, enough, bool(tune_throughout))
        where = store_from(store, checked_flag(overwrite, "overwrite"))
        if where is not None and (burn_till_tuned or tune_throughout):
            raise ModelError(
                "sample: store= expected a burn-in of a known length, got burn_till_tuned or tune_throughout"
            )
        with Alone(self, "sample") as held, CREW.at_most(cores):
            begun = held.letting_through(lambda: self._begun(chains, seed, start, tempering, length, where, client))
            self._runners, self.seed_sequence, to = begun
            to.watch = held.letting_through(lambda: watch_of(self, to, progress_file, progress_bar and is_watched()))
            rows = self._draw(held, to, cores, tuning, bool(burn_till_tuned), progress_bar)
        self._say_last(rows, progress_bar)
        return self

    def _draw(
        self, held: HeldBack, to: Destination, cores: int | None, tuning: Tuning, till_tuned: bool, progress_bar: bool
    ) -> int:
        """Advance the chains; returns how many draws of each there are."""
        with to:
            try:
                self.interrupted = self._advance(to, cores, tuning, till_tuned, progress_bar)
            except ClusterError as error:
                rows = self._keep(to) if to.begun(self._runners) else 0
                error.add_note(f"kept {rows} draws of each of {len(self._runners)} chains; {to.goes_on}")
                raise
            self.interrupted |= bool(held.noted)  # a signal that came when all was drawn
            rows = self._keep(to)
        if self.interrupted:
            say(f"interrupted: kept {rows} draws of each of {len(self._runners)} chains; {to.goes_on}", error=True)
        held.settle_ctrl_c()
        return rows

    def _advance(
        self, to: Destination, cores: int | None, tuning: Tuning, till_tuned: bool, progress_bar: bool
    ) -> bool:
        """Run the chains; return whether that ended early."""
        before = time.perf_counter()
        length, place = to.length, to.place
        chains, of = len(self._runners), length.iterations
        LOG.info("%s: %d chains x %d iterations, %d of them burn-in", self.name, chains, of, length.burn)
        elsewhere = nullcontext() if to.placed is None else to.placed.serving(self._runners)
        cores = cores if to.placed is None or cores is not None else chains  # those that wait need no core
        try:
            with elsewhere:
                return run(
                    self._runners,
                    to.out,
                    length.iterations,
                    length.burn,
                    length.thin,
                    cores=cores,
                    tuning=tuning,
                    till_tuned=till_tuned,
                    progress_bar=progress_bar,
                    pauses=to.keeper,
                    done=place.done,
                    meetings=place.meetings,
                    watch=to.watch,
                )
        finally:
            self._release_nodes()
            self.sampling_wall_seconds = time.perf_counter() - before
            LOG.info("%s: %.3g seconds", self.name, self.sampling_wall_seconds)

    def _keep(self, to: Destination) -> int:
        """Take a call's draws as the last; return how many of each chain there are, which all chains have."""
        self.lengths = (to.length.iterations, to.length.burn, to.length.thin)
        self.sampling_seconds = max(r.sampled_seconds for r in self._runners) + to.place.seconds
        draws = to.draws(self._runners)
        if draws is None:
            return 0
        if to.compiled is not self.assembled:  # a chain has got room for more components
            self._assembled = to.compiled
            self._calls = [with_rooms(call, to.compiled) for call in self._calls]
        self._calls.append(draws)
        for node in self.model.nodes:
            node.sampler = weakref.ref(self)
        return draws.n_draws

    def _say_last(self, rows: int, progress_bar: bool) -> None:
        """What is said after a call that left so many draws."""
        if rows > 0:
            self._say_ladder()
            self._say_verdict(progress_bar)

    def halt(self) -> None:
        """End the run after the present sweep, keeping what was drawn: from another thread, or a step of yours."""
        for r in self._runners:
            r.stop[0] = 1

    def or_interrupted(self) -> MCMC:
        """Itself, for loops of many runs: ``m.sample(...).or_interrupted()`` raises where Ctrl-C ended the call.

        Returns
        -------
        MCMC

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

    # ---------------------------------------------------------------- draws

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
            if node.name in draws.variables and self.assembled.on_disk(node) is None:
                node.value = draws.variables[node.name][chain, index]

    # ---------------------------------------------------------------- replicates

    def prior_predictive(self, n: int = 500, seed: Any = None, names: Any = None) -> dict[str, np.ndarray]:
        """Draws of unknowns and replicates of data from the prior; see :meth:`mcmix.Model.prior_predictive`.

        Parameters
        ----------
        n : int
            Draws.
        seed : int or SeedSequence, optional
        names : str, node or sequence of these, optional
            By default all unknowns and data.

        Returns
        -------
        dict of str to ndarray, shape ``(n, *shape of the node)``
        """
        return self.model.prior_predictive(n, seed, names)

    def _repr_html_(self) -> str:
        from html import escape

        said = f"<pre>{escape(self._seen[1].verdict)}</pre>" if self._seen is not None else ""
        return f"<p><b>{escape(repr(self))}</b></p>{said}{explanation(self.assembled)._repr_html_()}"


__all__ = ["MCMC"]

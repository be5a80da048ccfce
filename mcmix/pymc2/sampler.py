"""PyMC 2's Model, MCMC, MAP and NormApprox: mcmix's own, with one chain per call and node names as attributes."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.api import mcmc, mode
from mcmix.api.arguments import checked_lengths, listed
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.node import Node
from mcmix.pymc2 import text
from mcmix.pymc2.database import SamplerDatabase, opened
from mcmix.pymc2.model import Named, _model
from mcmix.pymc2.old_distributions import FullDirichlet, whole
from mcmix.pymc2.trace import QUANTILES, Trace
from mcmix.report.statistics import node_statistics
from mcmix.screen import say
from mcmix.steps.base import TUNE_INTERVAL
from mcmix.traces.memory import Draws

_CHANGES_OF_STEPS = ("use_step_method", "remove_step_method", "assign_step_methods")


class MAP(Named, mode.MAP):
    """The mode of the posterior density; see :class:`mcmix.MAP`. Nodes are attributes."""

    def __init__(self, input: Any = None, eps: float = 0.001, diff_order: int = 5, verbose: int = 0):  # noqa: A002
        super().__init__(_model(input), eps, diff_order)


class NormApprox(Named, mode.NormApprox):
    """The normal distribution at the posterior's mode; see :class:`mcmix.NormApprox`. Nodes are attributes."""

    def __init__(
        self,
        input: Any = None,  # noqa: A002
        db: str = "ram",
        eps: float = 0.001,
        diff_order: int = 5,
        verbose: int = 0,
        **unused: Any,
    ):
        super().__init__(_model(input), eps, diff_order)


class _Stats(dict[str, dict[str, Any]]):
    """Statistics by name; those of labels and of the deviance when they are asked for."""

    def __init__(self, found: Mapping[str, dict[str, Any]], more: Any):
        super().__init__(found)
        self._more = more

    def __missing__(self, name: str) -> dict[str, Any]:
        try:
            self[name] = self._more(name)
        except ModelError as error:
            raise KeyError(error.args[0]) from error
        return self[name]


class MCMC(Named, mcmc.MCMC):
    """Markov chain Monte Carlo under PyMC 2's rules: each call of ``sample`` goes on from the last and is a new chain.

    Parameters
    ----------
    input : Model, or anything a Model takes, optional
        By default the variables of the main program.
    db : {"ram", "no_trace", "pickle", "txt", "sqlite", "hdf5", "hdf5ea"}
        In memory, not at all, or in a file too; all files are netCDF (see :mod:`mcmix.pymc2.database`).
    name : str
    calc_deviance : bool
        Accepted for PyMC 2's sake: ``trace("deviance")`` is computed when it is asked for.
    verbose : int
        Accepted for PyMC 2's sake.
    trace : collection of str
        Deterministics with one entry per row to keep although they are large.
    label_budget : int
        Bytes of labels, and of deterministics with one entry per row, that one call may keep.
    **dbkw
        ``dbname`` names the file, ``dbmode`` and other options of files are accepted.

    Attributes
    ----------
    status : str
        "ready" or "running".
    db : Database

    Raises
    ------
    AttributeError
        If the database is unknown.

    Examples
    --------
    >>> import numpy as np, mcmix.pymc2 as pymc
    >>> mu = pymc.Normal("mu", 0, 0.01)
    >>> y = pymc.Normal("y", mu, 1, [0.9, 1.1, 1.0], True)
    >>> M = pymc.MCMC([mu, y])
    >>> np.random.seed(1)
    >>> _ = M.sample(2000, 500)
    >>> _ = M.sample(1000)
    >>> M.trace("mu")[:].shape, M.trace("mu", chain=0)[:].shape, mu.trace(chain=None).shape
    ((1000,), (1500,), (2500,))
    """

    db: SamplerDatabase

    def __init__(
        self,
        input: Any = None,  # noqa: A002
        db: str = "ram",
        name: str = "MCMC",
        calc_deviance: bool = True,
        verbose: int = 0,
        *,
        trace: Any = (),
        label_budget: int = mcmc.LABEL_BUDGET,
        **dbkw: Any,
    ):
        super().__init__(_model(input), trace=trace, name=name, label_budget=label_budget)
        self.db = opened(self, db, name, dbkw)
        self.status = "ready"
        self._side_by_side: tuple[int, Draws] | None = None
        self._stopped = False  # whether steps changed since the last call: the chain is made anew where it stands
        self._unasked: set[str] = set()  # deterministics kept for those who ask; reports of all leave them out

    def __setstate__(self, held: dict[str, Any]) -> None:
        super().__setstate__(held)
        self.db._sampler = weakref.ref(self)

    # ---------------------------------------------------------------- the run

    def use_step_method(self, step: Any, *nodes: Any, **options: Any) -> None:
        """Serve nodes with a step of your choice, also between two calls; see :meth:`mcmix.MCMC.use_step_method`."""
        chosen = [[whole(m) for m in n] if isinstance(n, (list, tuple)) else whole(n) for n in nodes]
        super().use_step_method(step, *chosen, **options)
        self._stop_chain()

    def remove_step_method(self, step: Any) -> None:
        """Take back a step that was asked for; see :meth:`mcmix.MCMC.remove_step_method`."""
        super().remove_step_method(step)
        self._stop_chain()

    def assign_step_methods(self, verbose: int = -1, draw_from_prior_when_possible: bool = True) -> None:
        """Choose steps now; see :meth:`mcmix.MCMC.assign_step_methods`."""
        super().assign_step_methods(verbose, draw_from_prior_when_possible)
        self._stop_chain()

    def _refuse_started(self, what: str) -> None:
        """Steps may change between calls."""
        if what not in _CHANGES_OF_STEPS:
            super()._refuse_started(what)

    def _stop_chain(self) -> None:
        """After a change of steps: the next call makes the chain anew where it stands."""
        if self._runners:
            self._show_state()
            self._runners, self._stopped = [], True

    def sample(
        self,
        iter: float,  # noqa: A002
        burn: float = 0,
        thin: int = 1,
        tune_interval: int = TUNE_INTERVAL,
        tune_throughout: bool | None = None,
        save_interval: int | None = None,
        burn_till_tuned: bool = False,
        stop_tuning_after: int = 5,
        verbose: int = 0,
        progress_bar: bool = True,
        **options: Any,
    ) -> MCMC:
        """Draw one more chain, which begins where the last one ended.

        Parameters
        ----------
        iter, burn, thin : int
            Sweeps, sweeps thrown away at the beginning, and every how-manieth of the others is kept.
        tune_throughout : bool, optional
            Go on adapting after burn-in. By default only where a first call has no burn-in to adapt in.
        tune_interval, burn_till_tuned, stop_tuning_after, save_interval, verbose, progress_bar
            See :meth:`mcmix.MCMC.sample`.
        **options
            ``seed``, ``start`` and ``cores`` of :meth:`mcmix.MCMC.sample`. Without a seed, numpy.random gives one at
            the first call, so that ``np.random.seed`` governs the draws.

        Returns
        -------
        MCMC
            Itself.

        Raises
        ------
        ModelError
            For impossible arguments, and for ``chains``: here a call is a chain.
        """
        if "chains" in options:
            raise ModelError(
                "sample: here each call is one chain; call sample() again for another (mcmix.MCMC has chains=)"
            )
        sweeps, first, step = _rounded(iter, burn, thin)
        step = step if self.db.keeps else sweeps - first
        if not self._runners:
            options = {**options, **self._beginning(options, (sweeps - first) // step)}
            tune_throughout = first == 0 if tune_throughout is None else tune_throughout
        tuning = (tune_interval, bool(tune_throughout), save_interval, burn_till_tuned, stop_tuning_after)
        self.status = "running"
        try:
            super().sample(sweeps, first, step, *tuning, verbose, progress_bar, chains=1, **options)
        finally:
            self.status = "ready"
        self._show_state()
        if not self.db.keeps:
            self._calls.clear()
        self.db.commit()
        return self

    def save_state(self, path: Any = None) -> Path:
        """Write the whole state of the chain to a file; see :meth:`mcmix.MCMC.save_state`.

        Parameters
        ----------
        path : str or path, optional
            By default the sampler's name with the ending ``.state.npz``.
        """
        return super().save_state(self._state_file(path))

    def restore_sampler_state(self, path: Any = None) -> MCMC:
        """Go on, in a new process too, where :meth:`save_state` stood; see :meth:`mcmix.MCMC.restore_state`."""
        super().restore_state(self._state_file(path))
        self._show_state()
        return self

    def _state_file(self, path: Any) -> Path:
        return Path(f"{self.name}.state.npz" if path is None else path)

    def _beginning(self, options: Mapping[str, Any], rows: int) -> dict[str, Any]:
        """Seed and start values of the first chain, and which deterministics it keeps."""
        self._ask_for_rows(rows)
        moved = {n: n.value for n in self.model.stochastics if n._version > 0}  # set by a user, a MAP, another sampler
        start = {**moved, **(options.get("start") or {})}
        if self._stopped and self.seed_sequence is not None and options.get("seed") is None:
            self._stopped = False
            before = self.seed_sequence
            return {"seed": streams.of_next_run(before), "start": start}
        seed = options.get("seed")
        seed = [int(word) for word in np.random.randint(2**32, size=4, dtype=np.uint64)] if seed is None else seed
        return {"seed": np.random.SeedSequence(seed), "start": start}

    def _ask_for_rows(self, rows: int) -> None:
        """Keep deterministics with one entry per row, as PyMC 2 did, while they fit the budget."""
        free = self.label_budget
        nodes = {n.name: n for n in self.model.deterministics if n.trace_by_default}
        for name in self.assembled.per_row:
            free -= 8 * rows * int(np.size(nodes[name].value)) if name in nodes else 0
            if name in nodes and free >= 0 and name not in self._asked:
                self._asked, self._assembled = (*self._asked, name), None
                self._unasked.add(name)

    def _show_state(self) -> None:
        """Let the nodes show where the chain stands."""
        if self._runners:
            chain = self._runners[0].chain
            for node in self.model.stochastics:
                node.value = chain.get(node)

    def _say_verdict(self, progress_bar: bool) -> None:
        if self.db.keeps:
            super()._say_verdict(progress_bar)

    def commit(self) -> None:
        """Write the file, where there is one."""
        self.db.commit()

    # ---------------------------------------------------------------- draws

    def draws(self, calls: str | None = None) -> Draws:
        """Draws of all chains as long as the last, side by side; ``calls="all"`` joins all end to end."""
        if not self.db.keeps:
            raise ModelError("db='no_trace' keeps no draws; leave db out")
        if calls is not None or len(self._calls) < 2:
            return super().draws(calls)
        if self._side_by_side is None or self._side_by_side[0] != len(self._calls):
            last = self._calls[-1].n_draws
            self._side_by_side = len(self._calls), _stacked([c for c in self._calls if c.n_draws == last])
        return self._side_by_side[1]

    def kept_draws(self) -> dict[str, list[np.ndarray]]:
        """Draws of each variable by chain, each of shape (draws, *shape)."""
        names = dict.fromkeys(name for call in self._calls for name in call.variables)
        return {name: self._chains(name) for name in names}

    def _chains(self, name: str) -> list[np.ndarray]:
        shown = [call.variables[name][0] for call in self._calls if name in call.variables]
        if any(isinstance(n, FullDirichlet) and n.name == name for n in self.model.nodes):
            return [draws[..., :-1] for draws in shown]
        return shown

    def trace(self, name: Any, chain: int | None = -1, calls: str | None = None) -> Trace:  # type: ignore[override]
        """Draws of one variable or of the ``"deviance"``: the last chain; another by number; None joins all.

        Raises
        ------
        ModelError
            If there is no such variable or chain, or its draws were not kept.
        """
        key = name.name if isinstance(name, Node) else str(name)
        draws = super().draws() if self.db.keeps else self.draws()  # the latter says why there are none
        if any(key in call.variables for call in self._calls):
            return Trace(key, self._chains(key), chain, key in draws.angles)
        if key != "deviance":
            raise ModelError(self._missing(key, draws))
        ends = np.cumsum([call.n_draws for call in self._calls])[:-1]
        return Trace(key, np.split(self._deviance("all")[0], ends), chain)

    @property
    def trace_names(self) -> list[str]:
        """Variables whose draws were kept."""
        return list(self.kept_draws())

    @property
    def reported(self) -> list[str]:
        """Variables that reports show unasked: neither labels nor what has an entry for each of them."""
        return [name for name in self._reported(super().draws()) if name not in self._unasked]

    # ---------------------------------------------------------------- reports

    def stats(  # type: ignore[override]
        self,
        variables: Sequence[Any] | str | None = None,
        alpha: float = 0.05,
        start: int = 0,
        batches: int = 100,
        chain: int | None = None,
        quantiles: Sequence[float] = QUANTILES,
    ) -> dict[str, dict[str, Any]]:
        """Per variable: n, mean, standard deviation, mc error, quantiles, and the highest-density interval.

        Of all chains joined, unless one is named. Labels, what has one entry per row, and the deviance
        are not listed, and there when asked for.
        """

        def one(name: Any) -> dict[str, Any]:
            kept = self.trace(name, None)
            values = kept._of(chain)
            joined = np.concatenate([v[start:] for v in values])
            return node_statistics(joined[None], alpha, batches, tuple(quantiles), kept.circular)

        names = self.reported if variables is None else listed(variables)
        return _Stats({n.name if isinstance(n, Node) else str(n): one(n) for n in names}, one)

    def summary(  # type: ignore[override]
        self,
        variables: Sequence[Any] | str | None = None,
        alpha: float = 0.05,
        start: int = 0,
        batches: int = 100,
        chain: int | None = None,
        roundto: int = 3,
    ) -> None:
        """Print a table with one line per element. :func:`mcmix.pymc2.gelman_rubin` and to_arviz() say more."""
        say(text.summary_text(self.stats(variables, alpha, start, batches, chain), alpha, roundto))

    def write_csv(
        self,
        filename: Any,
        variables: Sequence[Any] | str | None = None,
        alpha: float = 0.05,
        start: int = 0,
        batches: int = 100,
        chain: int | None = None,
        quantiles: Sequence[float] = QUANTILES,
    ) -> None:
        """Write a file of comma-separated values, one row per element."""
        text.write_csv(filename, self.stats(variables, alpha, start, batches, chain, quantiles), alpha)


def _stacked(calls: Sequence[Draws]) -> Draws:
    """Calls of equal length as chains; only what every one kept."""

    def together(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        names = [name for name in parts[0] if all(name in part for part in parts)]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    variables, statistics = together([c.variables for c in calls]), together([c.statistics for c in calls])
    return Draws(variables, statistics, calls[-1].moments, calls[-1].angles, calls[-1].labels)


class Sampler(MCMC):
    """PyMC 2's base of samplers: :class:`MCMC` whose ``sample`` keeps every sweep."""

    def __init__(
        self,
        input: Any = None,  # noqa: A002
        db: str = "ram",
        name: str = "Sampler",
        reinit_model: bool = True,
        calc_deviance: bool = False,
        verbose: int = 0,
        **dbkw: Any,
    ):
        super().__init__(input, db, name, calc_deviance, verbose, **dbkw)

    def sample(self, iter: float, length: int | None = None, verbose: int = 0, **options: Any) -> Sampler:  # type: ignore[override]  # noqa: A002
        """Draw one more chain of `iter` sweeps (`length` is accepted for PyMC 2's sake); see :meth:`MCMC.sample`."""
        super().sample(iter, verbose=verbose, **options)
        return self


def _rounded(iterations: float, burn: float, thin: float) -> tuple[int, int, int]:
    """Sweeps, burn and thin such that round((iter - burn) / thin) draws are kept, at least one, as in PyMC 2."""
    whole, first, _ = checked_lengths(iterations, burn, 1)
    step = max(int(np.floor(float(thin))), 1) if float(thin) >= 1 else checked_lengths(iterations, burn, thin)[2]
    return first + step * max(1, round((whole - first) / step)), first, step


__all__ = ["MAP", "MCMC", "NormApprox", "Sampler"]

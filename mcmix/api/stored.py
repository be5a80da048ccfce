"""Runs that outlive a process: chains in a file, draws from a file or from elsewhere, copies."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from mcmix.api.alone import Alone
from mcmix.api.configured import Configured
from mcmix.api.reading import read_draws
from mcmix.api.sources import Source
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.sampling import state
from mcmix.sampling.run import runner
from mcmix.sampling.runner import Runner
from mcmix.traces.memory import Draws


class Stored(Configured):
    """A sampler that can be put away and taken out again."""

    _was_read = False  # whether its draws came from elsewhere

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: the model, what was asked for, draws, and the chains' state without addresses."""
        held = super().__getstate__()
        del held["_status"], held["_runners"]
        held["_before"] = held["_placed"] = None  # made anew where it is needed
        held["deviances"] = [self._deviances.get(id(call)) for call in self._calls]
        held["chains"] = state.Saved.of(self._runners) if self._runners else None
        return held

    def __setstate__(self, held: dict[str, Any]) -> None:
        held = dict(held)
        chains, deviances = held.pop("chains"), held.pop("deviances")
        super().__setstate__(held)
        self._status, self._runners = (), []
        self._deviances = {id(c): x for c, x in zip(self._calls, deviances, strict=True) if x is not None}
        if self._calls:
            for node in self.model.nodes:
                node.sampler = weakref.ref(self)
        if chains is not None:
            self._runners, self.seed_sequence = self._chains_at(chains)

    def save_state(self, path: str | Path) -> Path:
        """Write the chains' whole state (values, random streams, what steps learned) to a file; returns its path.

        Draws are not in it: see :meth:`to_arviz`. What a step of your own keeps in its attributes is not either.

        Parameters
        ----------
        path : str or Path
            ``.npz`` is added where it is missing.

        Returns
        -------
        Path

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

    def restore_state(self, path: str | Path) -> Self:
        """Go on where a saved run stood: the next sample() draws what that run would have drawn, bit for bit.

        Parameters
        ----------
        path : str or Path
            Written by :meth:`save_state` for the same model with the same steps.

        Returns
        -------
        MCMC
            Itself.

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
        """Chains where a file says; the sampler's own only once they are whole.

        Whether labels are summed out was decided by the first call of the run that was saved, if nobody had said it.
        """
        try:
            return self._chains_at(state.read(self.assembled, path))
        except ModelError as refused:
            if self._marginal_moves is not None or self._chosen_by_hand:
                raise
            before, self._marginal_moves, self._assembled = self._assembled, True, None
            self._nobody_asked_for_them()
            try:
                return self._chains_at(state.read(self.assembled, path))
            except BaseException as error:
                self._marginal_moves, self._assembled = None, before
                raise (refused if isinstance(error, ModelError) else error) from None

    def _chains_at(self, saved: state.Saved) -> tuple[list[Runner], np.random.SeedSequence | None]:
        """Chains that stand where others stood."""
        compiled = self.assembled
        for step in compiled.steps:
            step.unbind()
        sequence = self.seed_sequence or streams.nobody()
        children = streams.of_chains(sequence, saved.n_chains)
        runners, rooms = [], [saved.rooms(i, compiled.rooms) for i in range(saved.n_chains)]
        for i, child in enumerate(children):
            own = compiled if compiled.by_room is None else compiled.by_room.at(rooms[i])
            runners.append(runner(own, i, child, {}, None, self._tempering))
        saved.restore(runners)
        if compiled.by_room is not None:
            self._assembled = compiled.by_room.largest(rooms)
        return runners, sequence

    def read(self, draws: Any, *, names: Mapping[str, str] | None = None) -> Self:
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
        with Alone(self, "read") as held:
            self._refuse_started("read")
            found, source = held.letting_through(lambda: read_draws(self, draws, names))
            return self._take(found, source)

    def _take(self, found: Draws, source: Source) -> Self:
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


__all__ = ["Stored"]

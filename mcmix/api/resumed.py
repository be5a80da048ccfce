"""Draws on disk as a posterior of their model, and calls that were cut: read, and gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcmix._version import __version__
from mcmix.api.alone import Alone
from mcmix.api.arguments import at_least_one, checked_flag
from mcmix.api.destinations import continued, placed_on, stored_draws, watch_of
from mcmix.api.posterior import Posterior
from mcmix.api.posterior_without_model import PosteriorWithoutModel
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.model import Model
from mcmix.sampling import state
from mcmix.sampling.checkpoints import Length, unpacked
from mcmix.sampling.ladder import Tempering
from mcmix.sampling.runner import Tuning
from mcmix.screen import is_watched
from mcmix.steps.plan import CompiledModel
from mcmix.steps.rooms import all_rooms
from mcmix.structure.fingerprint import differences, fingerprint
from mcmix.traces.disk import Folder

if TYPE_CHECKING:
    from mcmix.api.mcmc import MCMC


def load(path: str | Path, model: Any = None, *, labelled: bool = False) -> Posterior:
    """Draws that ``sample(..., store=path)`` has written so far, read when they are asked for.

    Parameters
    ----------
    path : str or Path
        Also of a run that goes on, or was killed.
    model : Model, MCMC, or anything a Model takes, optional
        That the draws are of. Everything that works after a run then works on them. Without it, what needs no more
        than draws and data: traces, summaries, the verdict, relabelling, partitions, ArviZ.
    labelled : bool
        Where labels of every so many-th draw were kept (``mc.Store(path, labels=10)``): these draws alone, with their
        labels, for what needs labels.

    Returns
    -------
    Posterior

    Raises
    ------
    ModelError
        If there is no such folder, a newer release wrote it, it holds no draws yet, or they are of another model: what
        differs is said.

    Examples
    --------
    >>> import mcmix as mc, tempfile
    >>> from pathlib import Path
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     m = mc.MCMC([mu, y]).sample(700, 200, seed=1, store=Path(folder) / "run.zarr")
    ...     found = mc.load(Path(folder) / "run.zarr")
    ...     found.trace("mu")[:].shape, bool((found.trace("mu")[:] == m.trace("mu")[:]).all())
    ((2000,), True)
    """
    folder = Folder.opened(path)
    if not folder.n_draws:
        raise ModelError(f"load: {path} holds no draws yet: its run is in burn-in, or ended there")
    if model is None:
        return PosteriorWithoutModel(folder, checked_flag(labelled, "labelled"))
    found = Posterior(_model_of(model))
    found._rooms = all_rooms(found.model)  # a folder has room for all components from the start
    compiled = found.assembled
    _refuse_other_model(folder, compiled, "load")
    draws = stored_draws(compiled, folder, checked_flag(labelled, "labelled"))
    assert draws is not None
    return _told(found, folder, draws)


def _told(found: Posterior, folder: Folder, draws: Any) -> Posterior:
    """How the draws were made."""
    call = folder.said["call"]
    found._calls = [draws]
    found.seed_sequence = streams.read(call["seed"] or {})
    found.lengths = call["iterations"], call["burn"], call["thin"]
    found.label_budget = call["label_budget"]
    found.sampling_seconds = found.sampling_wall_seconds = float(folder.said.get("progress", {}).get("seconds", 0.0))
    return found


def resume(
    path: str | Path,
    model: Any,
    *,
    more: int = 0,
    cores: int | None = None,
    progress_bar: bool = True,
    client: Any = None,
) -> MCMC:
    """Go on with a call of ``sample(..., store=path)`` that was cut: its draws are, bit for bit, the unbroken call's.

    Whatever ended it: Ctrl-C, SIGTERM, a kill, a full disk, a crash. What was drawn after the chains' state was kept
    last (30 seconds at most, see :class:`Store`) is drawn again.

    Parameters
    ----------
    path : str or Path
    model : Model, MCMC, or anything a Model takes
        The same model on the same data, written in the same way. Where steps were chosen by hand, a new MCMC object
        with the same choices.
    more : int
        Iterations beyond those that the call asked for: a run that has ended becomes longer.
    cores : int, optional
        Threads at most.
    progress_bar : bool
        Show progress where there is a terminal or notebook.
    client : dask.distributed.Client, optional
        As for :meth:`MCMC.sample`, whether or not the call had one.

    Returns
    -------
    MCMC
        The sampler, with all draws of the call; where there is nothing left to do, as the call left it.

    Raises
    ------
    ModelError
        If there is no such folder, a newer release wrote it, its state is damaged, or the model is another one: what
        differs is said.

    Examples
    --------
    >>> import mcmix as mc, tempfile
    >>> from pathlib import Path
    >>> def build():
    ...     mu = mc.Normal("mu", 0, 1)
    ...     return mc.Model([mu, mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Path(folder) / "run.zarr"
    ...     short = mc.MCMC(build()).sample(700, 200, seed=1, store=store)
    ...     longer = mc.resume(store, build(), more=300)
    ...     longer.trace("mu")[:].shape
    (3200,)
    """
    folder = Folder.opened(path, to_append=True)
    try:
        return _resumed(folder, model, more, cores, progress_bar, client)
    finally:
        folder.close()


def _resumed(folder: Folder, model: Any, more: int, cores: int | None, progress_bar: bool, client: Any) -> MCMC:
    call, m = folder.said["call"], _sampler(model, folder)
    more = at_least_one(more, "more", "resume") if more else 0
    cores = None if cores is None else at_least_one(cores, "cores", "resume")
    found = folder.state()
    if found is None:
        raise ModelError(
            f"resume: {folder.path} was cut before its chains had started: sample anew with overwrite=True"
        )
    arrays, place = unpacked(found[0])
    length = Length(call["iterations"] + more, call["burn"], call["thin"])
    with Alone(m, "resume") as held:
        m._refuse_started("resume")
        m.seed_sequence = streams.read(call["seed"] or {})
        saved = state.Saved(arrays, call["chains"], folder.path.name)
        begun = held.letting_through(lambda: m._chains_at(saved))
        m._runners, m.seed_sequence = begun
        if place.done < length.iterations:
            folder.rewind(found[1])
            folder.note(call={**call, "iterations": length.iterations}, finished=False)
        placed = placed_on(m, client)
        to = continued(m, folder, length, arrays, place, placed)
        to.watch = watch_of(m, to, None, progress_bar and is_watched())
        rows = m._draw(held, to, cores, Tuning(), False, progress_bar)
    m._say_last(rows, progress_bar)
    return m


def _sampler(model: Any, folder: Folder) -> MCMC:
    """A sampler of this model that samples as the call did."""
    from mcmix.api.mcmc import MCMC

    call = folder.said["call"]
    if isinstance(model, MCMC):
        m = model
    else:
        tempering = None if call["tempering"] is None else _tempering(call["tempering"])
        m = MCMC(model, trace=call["trace"], label_budget=call["label_budget"], tempering=tempering)
        m._draw_from_prior = call["draw_from_prior"]
    m._refuse_started("resume")
    m._filled, m._assembled = True, None
    if m._marginal_moves is None:
        m._marginal_moves, m._assembled = call["marginal_moves"], None
        if call["lenient"]:
            m._nobody_asked_for_them()
    _refuse_other_model(folder, m.assembled, "resume")
    theirs, ours = folder.said["signature"], state.signature(m.assembled, call["chains"])
    for what, expected in ours.items():
        if theirs.get(what) != expected:
            raise ModelError(
                f"resume: the run in {folder.path} has other {what} (written by mcmix {folder.said['mcmix_version']}, "
                f"this is {__version__}): expected {theirs.get(what)}, got {expected}"
            )
    return m


def _tempering(said: dict[str, Any]) -> Tempering:
    return Tempering(said["levels"], said["lowest"], said["follow"], tuple(said["fixed"]))


def _model_of(model: Any) -> Model:
    """A model from what a user may hand in."""
    own = getattr(model, "model", model)
    return own if isinstance(own, Model) else Model(own)


def _refuse_other_model(folder: Folder, compiled: CompiledModel, what: str) -> None:
    """Refuse draws of another model, saying what differs.

    Another release may write the same distribution in other terms: then data alone are compared, where no call is to
    go on.
    """
    theirs = dict(folder.said["fingerprint"])
    ours: dict[str, Any] = dict(fingerprint(compiled.recording))
    if what == "load" and folder.said["mcmix_version"] != __version__:
        theirs, ours = {"data": theirs["data"]}, {"data": ours["data"]}
    found = differences(theirs, ours)
    if found:
        raise ModelError(f"{what}: {folder.path} is of another model: {'; '.join(found)}")


__all__ = ["load", "resume"]

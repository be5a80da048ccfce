"""Where the draws of a call go: memory, or a folder that grows while the call goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from mcmix.api.arguments import checked_flag
from mcmix.api.configured import Configured
from mcmix.api.diagnosis import facts_of
from mcmix.api.export import Named, data_of, named
from mcmix.api.followed import followed
from mcmix.api.posterior_without_model import facts_to_text
from mcmix.cluster.clients import Cluster
from mcmix.cluster.elsewhere import Placed
from mcmix.cluster.stretch import Build
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.room import refuse_rooms
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling import state
from mcmix.sampling.axes import labels_along
from mcmix.sampling.buffers import Buffers, buffers, bytes_of_a_draw, together
from mcmix.sampling.checkpoints import COUNTS, Keeper, Kept, Length, Place, no_counts
from mcmix.sampling.labels_by_block import Apart
from mcmix.sampling.run import collected
from mcmix.sampling.runner import Runner
from mcmix.sampling.running import Running
from mcmix.sampling.watch import Watch
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.plan import CompiledModel
from mcmix.steps.rooms import open_rooms
from mcmix.structure.fingerprint import fingerprint
from mcmix.traces.disk import CHUNK, About, Folder, make_way
from mcmix.traces.memory import Draws
from mcmix.traces.stored import LABELS, StoredDraws, draws_by_name

SECONDS = 30.0  # between two states of the chains that are kept
UNBOUNDED = 2**62
FIXED = ("observed_data", "constant_data", COUNTS)  # groups without draws


@dataclass(frozen=True)
class Store:
    """A folder for the draws of a call, and what is kept in it: ``m.sample(..., store=mc.Store("run.zarr", ...))``.

    Parameters
    ----------
    path : str or Path
    overwrite : bool
        Begin anew where there are draws already.
    labels : bool, int or "counts", optional
        What is kept of labels. By default all draws of them where these fit the sampler's ``label_budget``; True for
        all whatever they take, False for none; a number for one draw in so many (in the group ``labels``, the first
        draw and every so many-th from there); ``"counts"`` for how often each unit had each label (in the group
        ``label_counts``, chain by chain, as sampled: where labels switch, counts mix components).
    seconds : float
        Between two states of the chains that are kept, at most: what a kill costs.

    Raises
    ------
    ModelError
        If an argument is none of these.

    Examples
    --------
    >>> import mcmix as mc
    >>> mc.Store("run.zarr", labels=10)
    Store(path='run.zarr', overwrite=False, labels=10, seconds=30.0)
    """

    path: str | Path
    overwrite: bool = False
    labels: Any = None
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        if not isinstance(self.path, (str, Path)) or not str(self.path):
            raise ModelError(f"store: expected the path of a folder, got {self.path!r}")
        checked_flag(self.overwrite, "overwrite")
        whole = isinstance(self.labels, (int, np.integer)) and not isinstance(self.labels, bool) and self.labels >= 1
        if not (self.labels in (None, "counts") or isinstance(self.labels, bool) or whole):
            raise ModelError(
                "store: labels expected None, True, False, 'counts' or every how many draws they are kept, got "
                f"{self.labels!r}"
            )
        if not isinstance(self.seconds, (int, float)) or isinstance(self.seconds, bool) or not self.seconds > 0:
            raise ModelError(f"store: seconds expected a number above 0, got {self.seconds!r}")


def store_from(value: Any, overwrite: bool) -> Store | None:
    """What a user may pass as ``store=``: nothing, a path or a Store.

    Raises
    ------
    ModelError
        For anything else, or if there are draws already, so that nothing is computed in vain.
    """
    if value is None:
        if overwrite:
            raise ModelError("sample: overwrite expected store= beside it")
        return None
    found = value if isinstance(value, Store) else Store(value)
    found = replace(found, overwrite=found.overwrite or overwrite)
    if not found.overwrite:
        make_way(Path(found.path), False)
    return found


@dataclass
class Destination:
    """Where a call's draws go.

    Attributes
    ----------
    compiled : CompiledModel
    out : Buffers
    length : Length
    keeper : Keeper or None
        Writes them to a folder.
    place : Place
        Where the call begins.
    watch : Watch or None
        Looks at the draws meanwhile, for who wants to know.
    placed : Placed or None
        Who does the work, where that is not this process.
    """

    compiled: CompiledModel
    out: Buffers
    length: Length
    keeper: Keeper | None = None
    place: Place = field(default_factory=Place)
    watch: Watch | None = None
    placed: Placed | None = None

    @property
    def goes_on(self) -> str:
        """How a call that was interrupted goes on."""
        if self.keeper is None:
            return "sample() resumes from here, and calls='all' joins the draws of all calls"
        return f"mc.resume({str(self.keeper.folder.path)!r}, model) goes on from here"

    def begun(self, runners: Sequence[Runner]) -> bool:
        """Whether chains write here."""
        return all(r.out is self.out for r in runners)

    def draws(self, runners: Sequence[Runner]) -> Draws | None:
        """What all chains have; None where that is nothing."""
        if self.keeper is not None:
            return stored_draws(self.compiled, Folder.opened(self.keeper.folder.path))
        rows = min(r.rows for r in runners)
        if not rows:
            return None
        if all(r.own is None for r in runners):
            return collected(self.compiled, self.out, rows)
        assert self.compiled.by_room is not None
        self.compiled = self.compiled.by_room.largest([r.compiled.rooms for r in runners])
        of_each = [(self.out, r.number) if r.own is None else (r.own, 0) for r in runners]
        return collected(self.compiled, together(self.compiled, of_each), rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.keeper is None:
            return
        folder = self.keeper.folder
        folder.close()
        if error is not None and folder.n_draws:
            error.add_note(f"{folder.n_draws} draws of each chain are in {folder.path}: mc.load reads them")


def destination(
    m: Configured,
    runners: Sequence[Runner],
    seed: np.random.SeedSequence | None,
    length: Length,
    store: Store | None,
    placed: Placed | None = None,
) -> Destination:
    """Where the draws of a call go, made ready."""
    compiled, n_chains = m.assembled, len(runners)
    own_budget = 0 if placed is not None and not placed.why_whole else m.label_budget
    if store is None and m.label_budget > own_budget and any(n.name in compiled.asked for n in compiled.labels):
        raise ModelError(
            "sample: trace= of labels expected rows in this process, got shards; store=mc.Store(path, labels=...)"
        )
    if store is not None or placed is not None:  # neither a folder nor a worker has room for more
        refuse_rooms(open_rooms(compiled.rooms), "sample: store=" if store is not None else "sample: client=")
    if store is None:
        return Destination(compiled, buffers(compiled, n_chains, length.rows, own_budget), length, placed=placed)
    _refuse_python(compiled, "store=", "whose state can be written down")
    kept = _kept(store.labels, compiled, placed)
    budget = own_budget if kept.apart else _budget(store.labels, own_budget)
    out = _memory(compiled, n_chains, length, budget, None if store.labels in (None, False) else compiled.labels)
    told, kept = _named(m, out, kept, n_chains, seed)
    said = {
        **told.attributes,
        "call": _said_of_call(m, length, n_chains, store, seed),
        "fingerprint": fingerprint(compiled.recording),
        "signature": state.signature(compiled, n_chains),
        "names": dict(kept.names),
        "order": _order(compiled),
        "labels": [n.name for n in compiled.labels],
        "angles": sorted(compiled.model.angles),
        "facts": facts_to_text(facts_of(m, proposed=False)),
    }
    draws, about = _arrays(told, said, kept)
    about = replace(about, room=length.rows)
    folder = Folder.made(store.path, draws, about, len(out.numbers[0]), store.overwrite)
    return Destination(compiled, out, length, keeper_of(m, runners, out, length, folder, kept), placed=placed)


def placed_on(m: Configured, client: Any) -> Placed | None:
    """A call's work on the cluster of a client; None without one.

    Shards stay where they are from call to call, as long as the client is the same.

    Raises
    ------
    ModelError
        If the client is none, or closed, or if steps keep something that no other process knows.
    """
    if client is None:
        return None
    cluster, compiled = Cluster(client), m.assembled
    _refuse_python(compiled, "client=", "whose state can be sent")
    if m._placed is None or not m._placed.serves(client, compiled):
        m._placed = Placed(cluster, _build_of(m), compiled)
    return m._placed


def _build_of(m: Configured) -> Build:
    """How another process makes the sampler's compiled model."""
    said = _said_of_sampler(m)
    return Build(
        m.model,
        said["trace"],
        m._choices,
        m._draw_from_prior,
        m._tempering,
        m._rows,
        bool(m._marginal_moves),
        said["lenient"],
        state.signature(m.assembled, 1),
    )


def _refuse_python(compiled: CompiledModel, asked: str, why: str) -> None:
    in_python = [v.name for s in compiled.steps if s.in_python for v in s.variables]
    if in_python:
        raise ModelError(
            f"sample: {asked} expected compiled steps, {why}, got steps in Python for {', '.join(in_python)}"
        )


def watch_of(m: Configured, to: Destination, file: Any, shown: bool) -> Watch | None:
    """Looks at a call's draws where somebody sees it, or a file is to have it."""
    if file is None and not shown:
        return None
    if to.keeper is not None:
        return Watch(to.keeper.running, to.keeper.numbers, None, file)
    names, numbers = followed(m, to.out)
    return Watch(Running(len(to.out.numbers), names), numbers, to.out, file)


def continued(
    m: Configured,
    folder: Folder,
    length: Length,
    arrays: Mapping[str, np.ndarray],
    place: Place,
    placed: Placed | None = None,
) -> Destination:
    """Where the draws of a call go on going, from a checkpoint; its chains stand there."""
    call = folder.said["call"]
    kept = replace(_kept(call["labels"], m.assembled, placed), names=folder.said["names"])
    if bool(folder.said.get("in_blocks")) != bool(kept.apart):
        other = "with the client= of a cluster" if not kept.apart else "without client="
        raise ModelError(f"resume: {folder.path} keeps labels of rows that were elsewhere; go on {other}")
    out = _memory_again(m.assembled, folder, kept)
    keeper = keeper_of(m, m._runners, out, length, folder, kept, place)
    keeper.go_on_from(arrays)
    return Destination(m.assembled, out, length, keeper, place, placed=placed)


def _said_of_call(
    m: Configured, length: Length, n_chains: int, store: Store, seed: np.random.SeedSequence | None
) -> dict[str, Any]:
    """What is needed to go on with a call, as JSON takes it."""
    whole = isinstance(store.labels, np.integer)
    return {
        **length.__dict__,
        "chains": n_chains,
        "labels": int(store.labels) if whole else store.labels,
        "seconds": float(store.seconds),
        "seed": None if seed is None or not isinstance(seed.entropy, int) else streams.written(seed),
        **_said_of_sampler(m),
    }


def _said_of_sampler(m: Configured) -> dict[str, Any]:
    """How it samples: what another one must be told to sample likewise."""
    tempering = m._tempering
    return {
        "trace": [str(n) for n in m._asked],
        "label_budget": int(m.label_budget),
        "marginal_moves": m._marginal_moves,
        "lenient": any(s.lenient for s in m.assembled.steps if isinstance(s, MarginalMove)),
        "tempering": None if tempering is None else {**tempering.__dict__, "fixed": list(tempering.fixed)},
        "draw_from_prior": m._draw_from_prior,
    }


def _arrays(told: Named, said: Mapping[str, Any], kept: Kept) -> tuple[dict[str, Any], About]:
    """What a folder begins with: draws of which there are none yet, and what stands beside them."""
    fixed = {g: x for g, x in told.groups.items() if g in FIXED}
    draws = {g: x for g, x in told.groups.items() if g not in fixed}
    dims = {g: {**told.dims, **told.own_dims.get(g, {})} for g in told.groups}
    leading = {g: 0 if g in fixed else 2 for g in dims}
    fitting = {
        g: {n: own[n] for n, x in told.groups[g].items() if len(own.get(n, "")) == np.ndim(x) - leading[g] > 0}
        for g, own in dims.items()
    }
    if COUNTS in fixed:
        fitting[COUNTS] = {n: ["chain", *dims[COUNTS].get(n, [f"{n}_dim_0"]), f"{n}_label"] for n in fixed[COUNTS]}
    every = {LABELS: kept.every} if LABELS in draws else {}
    apart = {kept.names.get(v.node.name, v.node.name) for v in kept.apart}
    in_blocks = {COUNTS if kept.counted else LABELS: apart} if apart else {}
    return draws, About(fitting, told.coords, fixed, dict(said), every, in_blocks)


def _budget(labels: Any, budget: int) -> int:
    """Bytes of labels that a call may record."""
    if labels is None:
        return budget
    return 0 if labels is False else UNBOUNDED


def _kept(labels: Any, compiled: CompiledModel, placed: Placed | None) -> Kept:
    every = int(labels) if isinstance(labels, (int, np.integer)) and not isinstance(labels, bool) else 1
    apart = [] if labels in (None, False) else _apart(compiled, placed, f"store: labels={labels!r}")
    return Kept(every, labels == "counts", apart=apart)


def _apart(compiled: CompiledModel, placed: Placed | None, asked: str) -> list[Apart]:
    """Label vectors that no chain has in its memory: of rows on disk, or in shards.

    Raises
    ------
    ModelError
        If few rows stand for those on disk, so that none of these has a label, or nobody here knows the labels.
    """
    sizes = {n: len(rows) for n in compiled.labels if (rows := compiled.on_disk(n)) is not None}
    if any(c.weights is not None and c.on_disk is None for c in compiled.rows.values()):
        compiled.rows.refuse_weighted(asked)
    if placed is not None and placed.why_whole and sizes:
        raise ModelError(f"{asked} expected rows in this process or in shards, got whole chains ({placed.why_whole})")
    if placed is not None and not placed.why_whole:
        sizes |= {n: compiled.recording.leaves[n].size for n in placed.in_shards if n not in sizes}
    return [Apart.of(n, compiled, size) for n, size in sizes.items()]


def _memory(
    compiled: CompiledModel, n_chains: int, length: Length, budget: int, only: Sequence[Stochastic] | None
) -> Buffers:
    """Room for a chunk of draws."""
    wide = bytes_of_a_draw(compiled, n_chains, length.rows, budget, only)
    held = max(1, min(CHUNK // max(wide, 1), length.rows))
    return buffers(compiled, n_chains, length.rows, budget, held, only)


def _memory_again(compiled: CompiledModel, folder: Folder, kept: Kept) -> Buffers:
    """Room for a chunk of the folder, and labels if it has them: whatever this sampler's budget would be."""
    names = {*folder.names("posterior"), *folder.names(LABELS), *folder.group(COUNTS)}
    labels = [n for n in compiled.labels if kept.names.get(n.name, n.name) in names]
    n_chains = int(folder.said["call"]["chains"])
    return buffers(compiled, n_chains, folder.rows, UNBOUNDED, folder.rows, labels)


def keeper_of(
    m: Configured,
    runners: Sequence[Runner],
    out: Buffers,
    length: Length,
    folder: Folder,
    kept: Kept,
    place: Place | None = None,
) -> Keeper:
    """Writes the draws of these chains to a folder."""
    names, numbers = followed(m, out)
    seconds = float(folder.said["call"]["seconds"])
    return Keeper(
        folder, m.assembled, runners, out, length, kept, Running(len(runners), names), numbers, seconds, place
    )


def _named(
    m: Configured, out: Buffers, kept: Kept, n_chains: int, seed: np.random.SeedSequence | None
) -> tuple[Named, Kept]:
    """What the folder is to hold, under names that files can hold."""
    compiled = m.assembled
    groups = kept.groups(compiled, out, 0) | {g: dict(x) for g, x in data_of(m).items() if x}
    if kept.counted:
        own = {n: x.shape[2] for n, x in out.labels.items()}
        groups[COUNTS] = {n.name: no_counts(n, compiled, n_chains, wide) for n, wide in own.items()}
        groups[COUNTS] |= {v.node.name: v.no_counts(n_chains) for v in kept.apart}
    elif kept.apart:
        groups[LABELS] = {v.node.name: v.like(n_chains) for v in kept.apart}
    told = named(m, groups, seed, {})
    return told, replace(kept, names=told.clashes)


def stored_draws(compiled: CompiledModel, folder: Folder, labelled: bool = False) -> StoredDraws | None:
    """What a folder has so far, as draws of a model; None where that is nothing."""
    if not folder.n_draws:
        return None
    labels = [n.name for n in compiled.labels]
    return draws_by_name(folder, _order(compiled), labels, compiled.model.angles, labels_along(compiled), labelled)


def _order(compiled: CompiledModel) -> list[str]:
    """Variables in the order in which a sampler keeps them."""
    names = [s.name for s in compiled.segments if s.kind == "variable"] + [n.name for n in compiled.labels]
    return list(dict.fromkeys(names))


__all__ = ["Destination", "Store", "continued", "destination", "placed_on", "store_from", "stored_draws", "watch_of"]

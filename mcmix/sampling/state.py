"""The whole state of chains in one file: a run goes on from it bit for bit.

A chain is one array of doubles, its random streams, and what its steps learned. Draws are not part of it; export these
with ``to_arviz``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.files import read_arrays, write_arrays
from mcmix.sampling.runner import Runner
from mcmix.steps.plan import CompiledModel
from mcmix.steps.rooms import Rooms

FORMAT = 2


def signature(compiled: CompiledModel, n_chains: int) -> dict[str, Any]:
    """What must be the same in the model that a state is put into."""
    fixed = not compiled.rooms  # else each chain says how much room it has
    return {
        "format": FORMAT,
        "chains": n_chains,
        "tempered": compiled.swaps is not None,
        "unknowns": [[n.name, list(n.state_shape)] if fixed else [n.name] for n in compiled.model.stochastics],
        "steps": [[s.name, *[v.name for v in s.variables]] for s in compiled.steps],
        "memory": compiled.plan.layout.size if fixed else None,
    }


def save(compiled: CompiledModel, runners: Sequence[Runner], path: Path) -> None:
    """Write the chains' state to an .npz file, whole or not at all."""
    said = np.array(json.dumps(signature(compiled, len(runners))))
    write_arrays(path, {"signature": said, **arrays_of(runners)})


def arrays_of(runners: Sequence[Runner]) -> dict[str, np.ndarray]:
    """Everything that makes up the chains' state, by name."""
    found: dict[str, np.ndarray] = {}
    for i, r in enumerate(runners):
        found[f"memory {i}"] = r.chain.memory
        for level, chain in enumerate(r.hotter):
            found[f"level {i} {level}"] = chain.memory
        found[f"learned {i}"] = np.concatenate([c.reals for c in r.calls]) if r.calls else np.zeros(0)
        found[f"stream {i}"] = np.array(json.dumps(_plain(r.chain.rng.bit_generator.state)))
        found[f"sweeps {i}"] = np.array(r.sweeps)
        if r.compiled.rooms:
            found[f"room {i}"] = np.array(list(r.compiled.rooms.values()))
        found |= {f"rows {i} {j}": streams for j, streams in enumerate(_row_states(r))}
    return found


@dataclass
class Saved:
    """The state of some chains, apart from any memory.

    Attributes
    ----------
    arrays : dict of str to ndarray
    n_chains : int
    name : str
        Of the file that it came from, for refusals.
    """

    arrays: dict[str, np.ndarray]
    n_chains: int = 0
    name: str = "the copy"

    @classmethod
    def of(cls, runners: Sequence[Runner]) -> Saved:
        """That of chains as they stand."""
        return cls({name: x.copy() for name, x in arrays_of(runners).items()}, len(runners))

    def _read(self, name: str, reader: Callable[[str], Any]) -> Any:
        try:
            return reader(str(self.arrays[name]))
        except (KeyError, ValueError) as error:
            raise self._damaged(name) from error

    def _damaged(self, name: str) -> ModelError:
        return ModelError(
            f"restore_state: {self.name} is damaged: the entry {name!r} is missing or is not what save_state wrote"
        )

    def rooms(self, i: int, present: Rooms) -> Rooms:
        """How many components a chain has room for, where that grows.

        Raises
        ------
        ModelError
            If that does not say it of the same numbers of components.
        """
        if not present:
            return present
        found = self.arrays.get(f"room {i}", np.zeros(0, int))
        if found.shape != (len(present),) or found.dtype.kind not in "iu" or not (found > 0).all():
            raise self._damaged(f"room {i}")
        return dict(zip(present, found.tolist(), strict=True))

    def restore(self, runners: Sequence[Runner]) -> None:
        """Put chains where the file says: all of it fits, or nothing is changed.

        Raises
        ------
        ModelError
            If an entry is missing, or has another shape than the sampler's own.
        """
        for i, r in enumerate(runners):
            _refuse_other_levels(f"level {i} ", list(self.arrays), r, self.name)
        own = arrays_of(runners)
        for name, array in own.items():
            came = self.arrays.get(name)
            text = name.startswith("stream ")
            if came is None or came.shape != array.shape or (not text and came.dtype != array.dtype):
                raise self._damaged(name)
        streams = [self._stream(i) for i in range(len(runners))]
        for i, (r, stream) in enumerate(zip(runners, streams, strict=True)):
            self._put(i, r, stream)

    def _stream(self, i: int) -> Any:
        """The state of a chain's random stream, tried on another stream first."""
        found = _state(self._read(f"stream {i}", json.loads))
        try:
            np.random.SFC64(0).state = found
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(f"stream {i}") from error
        return found

    def _put(self, i: int, r: Runner, stream: Any) -> None:
        self._numbers(i, r, stream)
        for step in r.compiled.steps:
            step.resume(r.chain)

    def _numbers(self, i: int, r: Runner, stream: Any) -> None:
        r.chain.memory[:] = self.arrays[f"memory {i}"]
        for level, chain in enumerate(r.hotter):
            chain.memory[:] = self.arrays[f"level {i} {level}"]
        r.chain.rng.bit_generator.state = stream
        r.told.sweep = int(self.arrays[f"sweeps {i}"])
        learn(r, self.arrays[f"learned {i}"])
        for j, streams in enumerate(_row_states(r)):
            streams[...] = self.arrays[f"rows {i} {j}"]

    def move(self, r: Runner) -> None:
        """Put one chain, whose state this alone is, where it has come in another process meanwhile.

        What its steps are bound to stays: that is settled where chains start, and when they are restored.
        """
        self._numbers(0, r, self._stream(0))


def learn(r: Runner, numbers: np.ndarray) -> None:
    """Give a chain's steps what they learned, one after another."""
    at = 0
    for call in r.calls:
        call.reals[:] = numbers[at : at + call.reals.size]
        at += call.reals.size


def read(compiled: CompiledModel, path: Path) -> Saved:
    """What a file holds: read to its end, and of the model that it is meant for.

    Raises
    ------
    ModelError
        If the file is damaged, or belongs to another model or other steps.
    """
    saved = Saved(read_arrays(path, "restore_state", "save_state"), name=path.name)
    said = saved._read("signature", json.loads)
    n_chains = said.get("chains") if isinstance(said, dict) else None
    if not isinstance(said, dict) or (
        said.get("format") == FORMAT and not (isinstance(n_chains, int) and n_chains > 0)
    ):
        raise saved._damaged("signature")
    saved.n_chains = n_chains or 0
    _refuse_others(said, signature(compiled, saved.n_chains), path)
    return saved


def _row_states(r: Runner) -> list[np.ndarray]:
    """Row streams of all levels."""
    return [streams for chain in (r.chain, *r.hotter) for streams in chain.row_states()]


def _refuse_other_levels(prefix: str, names: Sequence[str], r: Runner, file: str) -> None:
    saved = sum(name.startswith(prefix) for name in names)
    if saved != len(r.hotter):
        raise ModelError(
            f"restore_state: {file} holds {saved + 1} levels of tempering, this sampler {len(r.hotter) + 1}: pass "
            "the same tempering="
        )


def _refuse_others(saved: dict[str, Any], present: dict[str, Any], path: Path) -> None:
    for what, expected in present.items():
        if saved.get(what) != expected:
            raise ModelError(
                f"restore_state: {path.name} belongs to another model or other steps: expected {what} {expected}, got "
                f"{saved.get(what)}"
            )


def _plain(value: Any) -> Any:
    """A generator's state as JSON takes it."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return (
        [int(v) for v in value]
        if isinstance(value, np.ndarray)
        else (int(value) if not isinstance(value, str) else value)
    )


def _state(value: Any) -> Any:
    """Back from JSON."""
    if isinstance(value, dict):
        return {k: _state(v) for k, v in value.items()}
    return np.array(value, dtype=np.uint64) if isinstance(value, list) else value

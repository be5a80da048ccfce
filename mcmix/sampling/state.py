"""The whole state of chains in one file: a run goes on from it bit for bit.

A chain is one array of doubles, its random streams, and what its steps learned. Draws are not part of it; export these
with ``to_arviz``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import driver
from mcmix.sampling.run import Runner
from mcmix.steps.plan import Assembled

FORMAT = 1


def signature(made: Assembled) -> dict[str, Any]:
    """What must be the same in the model that a state is put into."""
    return {
        "format": FORMAT,
        "tempered": made.swaps is not None,
        "unknowns": [[n.name, list(n.state_shape)] for n in made.model.stochastics],
        "steps": [[s.name, *[v.name for v in s.variables]] for s in made.steps],
        "memory": made.plan.layout.size,
    }


def save(made: Assembled, runners: Sequence[Runner], path: Path) -> None:
    """Write the chains' state to an .npz file."""
    arrays: dict[str, np.ndarray] = {"signature": np.array(json.dumps(signature(made)))}
    for i, r in enumerate(runners):
        arrays[f"memory {i}"] = r.chain.memory
        for level, chain in enumerate(r.hotter):
            arrays[f"level {i} {level}"] = chain.memory
        arrays[f"learned {i}"] = np.concatenate([c.reals for c in r.calls]) if r.calls else np.zeros(0)
        arrays[f"stream {i}"] = np.array(json.dumps(_plain(r.chain.rng.bit_generator.state)))
        arrays[f"sweeps {i}"] = np.array(r.sweeps)
        for j, streams in enumerate(_row_states(r)):
            arrays[f"rows {i} {j}"] = streams
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def n_chains(path: Path) -> int:
    """How many chains a file holds."""
    with _opened(path) as file:
        return sum(name.startswith("memory ") for name in file.files)


def restore(made: Assembled, runners: Sequence[Runner], path: Path) -> None:
    """Put chains where a file says.

    Raises
    ------
    ModelError
        If the file belongs to another model, or to other steps.
    """
    with _opened(path) as file:
        _refuse_others(json.loads(str(file["signature"])), signature(made), path)
        for i, r in enumerate(runners):
            _refuse_other_levels(f"level {i} ", file.files, r, path)
            r.chain.memory[:] = file[f"memory {i}"]
            for level, chain in enumerate(r.hotter):
                chain.memory[:] = file[f"level {i} {level}"]
            r.chain.rng.bit_generator.state = _state(json.loads(str(file[f"stream {i}"])))
            r.frame[driver.FRAME_SWEEP] = int(file[f"sweeps {i}"])
            at = 0
            for call in r.calls:
                call.reals[:] = file[f"learned {i}"][at : at + call.reals.size]
                at += call.reals.size
            for j, streams in enumerate(_row_states(r)):
                streams[...] = file[f"rows {i} {j}"]


def _row_states(r: Runner) -> list[np.ndarray]:
    """Row streams of all levels."""
    return [streams for chain in (r.chain, *r.hotter) for streams in chain.row_states()]


def _refuse_other_levels(prefix: str, names: Sequence[str], r: Runner, path: Path) -> None:
    saved = sum(name.startswith(prefix) for name in names)
    if saved != len(r.hotter):
        raise ModelError(
            f"restore_state: {path.name} holds {saved + 1} levels of tempering, this sampler {len(r.hotter) + 1}: pass "
            "the same tempering="
        )


def _opened(path: Path) -> Any:
    if not path.exists():
        raise ModelError(f"restore_state: expected a file written by save_state, got none at {path}")
    return np.load(path)


def _refuse_others(saved: dict[str, Any], present: dict[str, Any], path: Path) -> None:
    for what, found in saved.items():
        if found != present.get(what):
            raise ModelError(
                f"restore_state: {path.name} belongs to another model or other steps: expected {what} "
                f"{present.get(what)}, got {found}"
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

"""Where an ascent stands, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.files import read_arrays, write_arrays
from mcmix.variational.engine import Engine

FORMAT = 1
STORY = ("bound", "restart_bounds", "has_converged")  # what tells how factors came about


def signature(engine: Engine) -> dict[str, Any]:
    """What must be the same in the model that a file is put into."""
    factors = [[n.name, q.kind, type(q).__name__, list(n.shape)] for n, q in engine.posteriors.items()]
    labels = [[p.label.node.name, p.label.n_units, p.label.n_labels] for p in engine.passes]
    return {"format": FORMAT, "factors": factors, "labels": labels}


def save(engine: Engine, story: dict[str, np.ndarray], path: Path) -> None:
    """Write every factor's parameters, and some arrays that tell how they came about."""
    arrays = {f"story {name}": x for name, x in story.items()}
    for i, parameters in enumerate(engine.state()):
        arrays |= {f"factor {i} {j}": x for j, x in enumerate(parameters)}
    write_arrays(path, {"signature": np.array(json.dumps(signature(engine))), **arrays})


def load(engine: Engine, path: Path) -> dict[str, np.ndarray]:
    """Put every factor where a file says; returns what tells how they came about.

    Raises
    ------
    ModelError
        If there is no such file, or it belongs to another model.
    """
    file = read_arrays(path, "load", "save")
    try:
        found = json.loads(str(file["signature"]))
    except (KeyError, ValueError) as error:
        raise _damaged(path, "signature") from error
    own = signature(engine)
    if found != own:
        found = found if isinstance(found, dict) else {}
        parts = [k for k in own if found.get(k) != own[k]]
        told = "; ".join(f"{k} expected {own[k]}, got {found.get(k)}" for k in parts)
        raise ModelError(f"load: {path.name} belongs to another model: {told}")
    state, story = _fitting(engine, file, path), {name: _told(file, name, path) for name in STORY}
    engine.put(state)
    return story


def _fitting(engine: Engine, file: Mapping[str, np.ndarray], path: Path) -> list[tuple[np.ndarray, ...]]:
    """Every factor's parameters, of the shapes of the engine's own."""
    found = []
    for i, parameters in enumerate(engine.state()):
        names = [f"factor {i} {j}" for j in range(len(parameters))]
        for name, own in zip(names, parameters, strict=True):
            if name not in file or file[name].shape != own.shape or file[name].dtype != own.dtype:
                raise _damaged(path, name)
        found.append(tuple(file[name] for name in names))
    return found


def _told(file: Mapping[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    entry = f"story {name}"
    if entry not in file or file[entry].ndim != 1 or file[entry].dtype.kind not in "fb":
        raise _damaged(path, entry)
    return file[entry]


def _damaged(path: Path, name: str) -> ModelError:
    return ModelError(f"load: {path.name} is damaged: the entry {name!r} is missing or is not what save wrote")

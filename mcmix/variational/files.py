"""Where an ascent stands, in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.variational.engine import Engine

FORMAT = 1


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, signature=np.array(json.dumps(signature(engine))), **arrays)  # type: ignore[arg-type]


def load(engine: Engine, path: Path) -> dict[str, np.ndarray]:
    """Put every factor where a file says; returns what tells how they came about.

    Raises
    ------
    ModelError
        If there is no such file, or it belongs to another model.
    """
    if not path.exists():
        raise ModelError(f"load: expected a file written by save, got none at {path}")
    with np.load(path) as file:
        found, own = json.loads(str(file["signature"])), signature(engine)
        if found != own:
            parts = [k for k in own if found.get(k) != own[k]]
            told = "; ".join(f"{k} expected {own[k]}, got {found.get(k)}" for k in parts)
            raise ModelError(f"load: {path.name} belongs to another model: {told}")
        state = []
        for i, q in enumerate(engine.posteriors.values()):
            state.append(tuple(file[f"factor {i} {j}"] for j in range(len(q.state))))
        engine.put(state)
        return {name.removeprefix("story "): file[name] for name in file.files if name.startswith("story ")}


__all__ = ["load", "save", "signature"]

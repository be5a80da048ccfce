"""Which numbers of a draw say how far a run is: those that mean the same in every draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcmix.api.diagnosis import facts_of
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.buffers import Buffers

MOST_FOLLOWED = 256  # numbers


def followed(m: PosteriorDraws, out: Buffers) -> tuple[list[str], Callable[[np.ndarray], np.ndarray]]:
    """Numbers of each draw whose effective draws say how far a run is: what no name of a component enters.

    The log density; variables under their names, where these mean something; numbers of exchangeable components, sorted
    within each draw. Angles are left out.
    """
    facts, at = facts_of(m), _places(out)
    left_out = facts.nameless | m.model.angles | facts.discrete
    plain: list[tuple[str, int]] = [("log density", at["lp"][0])] if "lp" in at else []
    for name, (first, size, kind) in at.items():
        if kind == "variable" and name not in left_out:
            plain += [(name if size == 1 else f"{name}[{i}]", first + i) for i in range(size)]
    tables: list[tuple[str, list[int]]] = []
    for label in facts.labels.values():
        for table in label.tables:
            if all(n in at and n not in m.model.angles for n, _ in table):
                name = ", ".join(dict.fromkeys(n for n, _ in table))
                tables.append((f"{name} (sorted)", [at[n][0] + element for n, element in table]))
    plain, tables = plain[:MOST_FOLLOWED], tables[: MOST_FOLLOWED // max(1, len(tables[0][1])) if tables else 0]
    columns = [i for _, i in plain]

    def numbers(drawn: np.ndarray) -> np.ndarray:
        return np.concatenate([drawn[..., columns], *[np.sort(drawn[..., own], axis=-1) for _, own in tables]], axis=-1)

    return [*[n for n, _ in plain], *[name for name, own in tables for _ in own]], numbers


def _places(out: Buffers) -> dict[str, tuple[int, int, str]]:
    """First column, how many, and kind of what is recorded, by name; missing entries of data are not looked at."""
    found: dict[str, tuple[int, int, str]] = {}
    at = 0
    for s in out.segments:
        gaps = isinstance(s.key, Stochastic) and s.key.mask is not None
        if s.kind in ("log density", "variable") and not gaps:
            found["lp" if s.kind == "log density" else s.name] = at, s.size, s.kind
        at += s.size
    return found


__all__ = ["followed"]

"""All random streams of a run, from its one seed: who gets which. Spawn keys are named here and nowhere else.

A stream is known by its place: (run, chain i), (chain, label vector, block) and so on. So the same seed gives the same
draws whatever runs beside it, on however many cores, and chain i alone is chain i among many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.random import SeedSequence

_BLOCK, _LABEL_VECTOR, _LEVEL = 1, 2, 3  # below a chain
_NEXT_RUN = 1
_SEEDINGS, _EXPORTS, _LABELS_AGAIN = 2**31, 2**31 + 1, 2**31 + 7  # below a run, beyond all chains


def _below(sequence: SeedSequence, *key: int) -> SeedSequence:
    return SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, *key))


def nobody() -> SeedSequence:
    """For a chain that draws nothing, or whose streams are put in place afterwards."""
    return SeedSequence(0)


def of_chains(run: SeedSequence, n: int) -> list[SeedSequence]:
    """One for each chain of a run."""
    return [_below(run, i) for i in range(n)]


def of_grid(run: SeedSequence, n: int) -> list[SeedSequence]:
    """One for each of several fits under one seed."""
    return [_below(run, i) for i in range(n)]


def of_short_chain(i: int) -> SeedSequence:
    """For a short chain of a report, which is the same whenever the report is made."""
    return SeedSequence(0, spawn_key=(i,))


def of_cuts() -> SeedSequence:
    """For where a variational move cuts a component in two: the same at every attempt."""
    return SeedSequence(0)


def of_level(chain: SeedSequence, level: int) -> SeedSequence:
    """For the chain at a hotter level of a tempered chain."""
    return _below(chain, _LEVEL, level)


def of_labels(chain: SeedSequence, number: int) -> SeedSequence:
    """For the rows of a chain's label vector."""
    return _below(chain, _LABEL_VECTOR, number)


def of_block(labels: SeedSequence, block: int) -> SeedSequence:
    """For a block of rows: it does not depend on how many blocks there are."""
    return _below(labels, _BLOCK, block)


def of_seedings(run: SeedSequence, number: int) -> SeedSequence:
    """For the seedings of a label vector, which all chains of a run share."""
    return _below(run, _SEEDINGS, number)


def of_exports(run: SeedSequence, number: int) -> SeedSequence:
    """For what is drawn when draws are exported: the same whenever the same run is exported."""
    return _below(run, _EXPORTS, number)


def of_labels_drawn_again(run: SeedSequence) -> SeedSequence:
    """For labels that were not kept and are drawn again given the draws."""
    return _below(run, _LABELS_AGAIN)


def of_next_run(run: SeedSequence) -> SeedSequence:
    """For a run that takes over where another stands."""
    return _below(run, _NEXT_RUN)


def written(run: SeedSequence) -> dict[str, Any]:
    """A seed as it stands in files."""
    return {"entropy": run.entropy, "spawn_key": [int(k) for k in run.spawn_key]}


def read(found: Mapping[str, Any]) -> SeedSequence:
    """A seed from a file; that of nobody where none was written."""
    return SeedSequence(found.get("entropy", 0), spawn_key=tuple(found.get("spawn_key", ())))

"""Tables of components that have no names of their own: draws with label switching undone, and what to say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mcmix.api.diagnosis import facts_of
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.relabel import Wish, renamed
from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.report.diagnosis.switching import switching
from mcmix.report.labels.components import Components
from mcmix.report.labels.methods import CITED
from mcmix.report.labels.relabelled import Named
from mcmix.sampling.joint_density import functions_of
from mcmix.traces.memory import Draws

MOST_UNITS = 2000  # whose labels names are found by
MOST_WEIGHED = 2 * 10**7  # units, draws and components, whose probabilities they are found by
WAY_OUT = "relabel=False shows the draws as sampled"


def nameless(m: PosteriorDraws, draws: Draws, names: Iterable[str]) -> bool:
    """Whether some variables, or elements of them, belong to components that have no names of their own."""
    wanted = {n if n in draws.variables else n.partition("[")[0] for n in names}
    return bool(facts_of(m).nameless & wanted)


def draws_for_tables(m: PosteriorDraws, draws: Draws) -> tuple[Draws, str]:
    """Draws in which components, and functions of them, have one name throughout, and how that was done.

    Parameters
    ----------
    m : PosteriorDraws
    draws : Draws
        Of it.

    Returns
    -------
    Draws
        The same ones where nothing switched, as the verdict of the run has it, or they cannot be relabelled.
    str
        In words; empty where no draw changed.
    """
    if not _switched(m, draws):
        return draws, ""
    try:
        found, how, changed = renamed(m, draws, Wish("auto"), looked_at=_some_of)
    except (ModelError, MemoryError) as refused:
        return draws, f"components are exchangeable, and could not be relabelled: {refused}"
    if not any(h.changed for h in how):
        return found, ""
    mixed = facts_of(m).nameless & set(draws.variables) - set(changed)
    functions: list[Node] = [n for n in m.model.deterministics if n.name in mixed]
    again = functions_of(m.assembled, found, functions) if functions else {}
    left = sorted(n.name for n in functions if n.name not in again)
    return found.changed({**found.variables, **_as_kept(again, draws)}), _said(how, left)


Renamed = tuple[Draws, Draws, str]  # draws, the same under one name for each component, how


def named_once(
    m: PosteriorDraws, draws: Draws, names: Iterable[str], before: Renamed | None
) -> tuple[Renamed | None, tuple[Draws, str]]:
    """Draws in which some variables have one name throughout, and how; what was found before is not sought again."""
    if not nameless(m, draws, names):
        return before, (draws, "")
    if before is None or before[0] is not draws:
        before = draws, *draws_for_tables(m, draws)
    return before, before[1:]


def _switched(m: PosteriorDraws, draws: Draws) -> bool:
    """Whether labels switched, or whether that cannot be seen: the test of the verdict."""
    labels = [label for label in facts_of(m).labels.values() if label.exchangeable]
    seen = [switching(draws, label) for label in labels]
    return any(s is None or s.present for s in seen)


def _some_of(c: Components) -> Components:
    """What is enough to name components for a table: labels of some units, or parameters where units are many."""
    if c.labels is not None:
        step = -(-c.labels.shape[1] // MOST_UNITS)
        return replace(c, labels=np.ascontiguousarray(c.labels[:, ::step])) if step > 1 else c
    many = c.data is None or len(c.data) * c.n_draws * c.n_components > MOST_WEIGHED
    return replace(c, probabilities=None, draw_labels=None) if many else c


def _as_kept(again: dict[str, np.ndarray], draws: Draws) -> dict[str, np.ndarray]:
    """Functions that were computed again, in the type and shape that their draws have."""
    kept = draws.variables
    return {n: x.astype(kept[n].dtype).reshape(kept[n].shape) for n, x in again.items() if x.size == kept[n].size}


def _said(how: Sequence[Named], left: Sequence[str]) -> str:
    """What was done about label switching, in a line."""
    methods = ", ".join(dict.fromkeys(CITED.get(h.method, h.method) for h in how))
    share = max(h.changed for h in how)
    told = f"components are exchangeable, and relabelled with {methods} ({share:.0%} of the draws changed); {WAY_OUT}"
    return told + (f"; as sampled: {', '.join(left)}" if left else "")


__all__ = ["draws_for_tables", "named_once", "nameless"]

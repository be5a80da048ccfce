"""Draws with one name for each component, and how they were named in words, for pages and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.relabel import relabel
from mcmix.api.sources import names_in_container
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.labels.methods import CITED
from mcmix.traces.memory import Draws


@dataclass(frozen=True)
class Named:
    """Draws with one name for each component; `plots` ask it for its draws. `found` is what relabelling returned."""

    kept: Draws
    note: str
    found: Any = None

    def draws(self) -> Draws:
        """The draws."""
        return self.kept


def named_draws(m: PosteriorDraws, kept: Draws, calls: str) -> Named:
    """Draws under one name for each component, where names mean nothing by themselves."""
    try:
        found = relabel(m, calls=calls)
    except ModelError:  # every name has a meaning of its own
        return Named(kept, "")
    variables, statistics = arviz_bridge.draws_of(found)
    ours = names_in_container(found)  # of variables whose names files cannot hold
    same = {ours.get(name, name): x for name, x in variables.items() if ours.get(name, name) in kept.variables}
    return Named(Draws(same, statistics, angles=kept.angles), " ".join(_said_of_names(found.attrs)), found)


def _said_of_names(attributes: Mapping[str, Any]) -> list[str]:
    """How components were named, a sentence or two for each label vector."""
    found = []
    for own in [k.removeprefix("relabelling reason") for k in attributes if k.startswith("relabelling reason")]:
        method, reason = attributes[f"relabelling{own}"], attributes[f"relabelling reason{own}"]
        changed = float(attributes[f"relabelling changed{own}"])
        vector = f" of{own}" if own else ""
        said = f"Label switching{vector} was undone with {CITED.get(method, method)}; labels were permuted in"
        found.append(f"{said} {changed:.0%} of the draws. Method: {method} ({reason}).")
        trading = str(attributes[f"relabelling switching{own}"])
        found += [] if trading.startswith("no ") else [f"Note that {trading}."]
    return found


__all__ = ["Named", "named_draws"]

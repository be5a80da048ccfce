"""Which distributions of labels that depend on one another are known: a new one is a file of its own and a row here."""

from __future__ import annotations

from collections.abc import Callable

from mcmix.structure.chain_labels import chain_labels
from mcmix.structure.label_distributions import LabelDistribution
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recording import Factor

# Each row of the table answers with the distribution, or None.
RECOGNISED: list[Callable[[Factor, LabelVector], LabelDistribution | None]] = [chain_labels]


def recognised(own: Factor, label: LabelVector) -> LabelDistribution | None:
    """The distribution of labels that depend on one another, where it is one of those that are known."""
    return next((found for ask in RECOGNISED if (found := ask(own, label)) is not None), None)


__all__ = ["RECOGNISED", "recognised"]

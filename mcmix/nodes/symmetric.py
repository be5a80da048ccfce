"""One concentration for all components: ``Dirichlet("w", 1.0, size=3)`` reads as it does for an unknown number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.nodes.node import shape_of


def with_all_concentrations(family: Family, parents: Mapping[str, Any], size: Any) -> tuple[dict[str, Any], Any]:
    """Parents, and the size that is left: a number and a size stand for as many concentrations."""
    whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 1
    if family.name != "Dirichlet" or not whole or shape_of(parents["concentration"]):
        return dict(parents), size
    return {**parents, "concentration": parents["concentration"] * np.ones(int(size))}, None


__all__ = ["with_all_concentrations"]

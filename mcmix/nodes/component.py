"""A distribution without a name: a component of a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcmix.distributions.family import Family


@dataclass(frozen=True)
class Component:
    """A distribution and its parameters, without a name: what :meth:`Distribution.dist` makes."""

    family: Family
    parents: dict[str, Any]


__all__ = ["Component"]

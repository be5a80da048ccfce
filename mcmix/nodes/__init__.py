"""The nodes of mcmix."""

from mcmix.nodes import containers, deterministic, lineage  # noqa: F401  (they give nodes containers, operators, copies)

"""The nodes of mcmix."""

from mcmix.nodes import containers, lineage, operators  # noqa: F401  (they give nodes containers, operators, copies)

"""The model as a graph, in graphviz's language."""

from __future__ import annotations

from collections.abc import Sequence

from mcmix.nodes.deterministic import Deterministic, Potential
from mcmix.nodes.node import Node


def source(nodes: Sequence[Node]) -> str:
    """Graphviz source; node identities are numbers, so that any name is allowed."""
    number = {node: f"n{i}" for i, node in enumerate(nodes)}
    lines = ["digraph model {", "  rankdir=TB; node [fontname=Helvetica];"]
    lines += [f"  {number[node]} [{_style(node)}];" for node in number]
    for node in number:
        lines += [f"  {number[parent]} -> {number[node]};" for parent in node.parent_nodes]
    return "\n".join([*lines, "}"])


def _style(node: Node) -> str:
    label = node.name.replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(node, Deterministic):
        return f'label="{label}", shape=box'
    if isinstance(node, Potential):
        return f'label="{label}", shape=diamond'
    distribution = type(node).__name__
    filled = ', style=filled, fillcolor="grey85"' if getattr(node, "holds_data", False) else ""
    return f'label="{label}\\n{distribution}", shape=ellipse{filled}'

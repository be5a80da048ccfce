"""What cells print, without bars of progress and the compiling of kernels, which differ from run to run."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

COMPILING = "mcmix: compiling kernels"


def clean(app: Sphinx, tree: nodes.document) -> None:
    """Drop widgets, and lines on compiling; an output without any other line goes altogether."""
    for raw in list(tree.findall(nodes.raw)):
        if "widget-view+json" in raw.astext():
            raw.parent.remove(raw)
    for block in list(tree.findall(nodes.literal_block)):
        lines = block.astext().split("\n")
        kept = [line for line in lines if not line.startswith(COMPILING)]
        if len(kept) == len(lines):
            continue
        if any(line.strip() for line in kept):
            text = "\n".join(kept)
            block.rawsource, block.children = text, []
            block += nodes.Text(text)
        else:
            block.parent.remove(block)


def setup(app: Sphinx) -> dict[str, bool]:
    """When a page was read."""
    app.connect("doctree-read", clean)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

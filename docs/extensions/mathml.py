"""Formulas as MathML, which browsers show by themselves: no script, no font, nothing to fetch."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml import exceptions
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

BROKEN = tuple(e for e in vars(exceptions).values() if isinstance(e, type) and issubclass(e, Exception))
NAMED = re.compile(r"(<m([io])>(?:log|exp)</m\2>)(?=<m(?:i|n|sub|sup|frac|over|row)\b)")  # room behind a function
LOG = logging.getLogger(__name__)


def converted(formula: str, display: str, node: nodes.Element) -> str:
    """MathML of a formula; one that cannot be read, or uses what the converter does not know, is a warning."""
    try:
        found = convert(formula, display=display)
    except BROKEN as error:
        LOG.warning("formula %r: %s", formula, type(error).__name__, location=node)
        return ""
    found = NAMED.sub(r"\1<mspace width='0.167em'/>", found)
    if "<mi>\\" in found or "<mi>&</mi>" in found:
        LOG.warning("formula %r has a command that MathML is not made of", formula, location=node)
    return found


def visit_math(self: Any, node: nodes.math) -> None:
    """Within a line."""
    self.body.append(converted(node.astext(), "inline", node))
    raise nodes.SkipNode


def visit_math_block(self: Any, node: nodes.math_block) -> None:
    """On a line of its own."""
    self.body.append(f'<div class="formula">{converted(node.astext(), "block", node)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Take the place of Sphinx's renderers."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}

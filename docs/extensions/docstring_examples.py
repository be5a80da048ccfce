"""Examples of docstrings on the site run while it is built; one that fails is a warning, and so fails the build."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import matplotlib
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)
FLAGS = doctest.NORMALIZE_WHITESPACE
SEEN: set[str] = set()  # methods stand on the pages of several classes


def run(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Run the examples of one docstring as they stand on its page."""
    text = "\n".join(lines)
    if ">>>" not in text or text in SEEN:
        return
    SEEN.add(text)
    module = inspect.getmodule(thing)
    example = doctest.DocTestParser().get_doctest(text, dict(vars(module)) if module else {}, name, None, 0)
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(example, out=said.append)
    if result.failed:
        LOG.warning("the example of %s fails:\n%s", name, "".join(said))


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen before numpydoc rewrites the docstring."""
    matplotlib.use("Agg")
    app.setup_extension("sphinx.ext.autodoc")  # whose event it is
    app.connect("autodoc-process-docstring", run, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

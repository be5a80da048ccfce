"""Code in tabs runs too: behind each set of tabs comes a hidden cell with the Python code that they show.

MyST-NB runs cells that stand in a page itself, and none inside of other directives.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

TABS = re.compile(r"^::::\{tab-set\}\n.*?^::::$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def with_cells(text: str) -> str:
    """A page with a hidden cell behind each set of tabs."""

    def run(tabs: re.Match[str]) -> str:
        code = "\n".join(found[1] for found in CODE.finditer(tabs[0]))
        return f"{tabs[0]}\n\n```{{code-cell}}\n:tags: [remove-cell]\n\n{code}```\n"

    return TABS.sub(run, text)


def read(app: Sphinx, name: str, source: list[str]) -> None:
    """Pages that run code alone."""
    if "file_format: mystnb" in source[0][:100]:
        source[0] = with_cells(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """When a page is read."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

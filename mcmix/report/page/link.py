"""The path of a page that was written, which a notebook shows as a link to it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote


class Link(type(Path())):  # type: ignore[misc]  # Python 3.11 has no Path that can be subclassed without its flavour
    """A path like any other; in a notebook it can be clicked."""

    def _repr_html_(self) -> str:
        here, page = Path.cwd(), Path(self).resolve()
        # a notebook's server hands out what lies below the notebook; anything else the browser opens as a file
        where = quote(page.relative_to(here).as_posix()) if page.is_relative_to(here) else page.as_uri()
        return f'<a href="{where}" target="_blank">{escape(str(self))}</a>'


__all__ = ["Link"]

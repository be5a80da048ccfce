"""The one file that knows Jinja: what a page holds, and the page as one file that asks nobody for anything."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcmix.files import write_text

if TYPE_CHECKING:
    from pandas import DataFrame

DOTS_PER_INCH = 110
COLOURS = 64  # of a picture: flat colours and their edges need no more, at a third of the size
TEMPLATE = "page.html.jinja"


@dataclass(frozen=True)
class Picture:
    """A figure, a caption that says how to read it, and what it shows in this case, for whoever cannot see it."""

    figure: Any
    caption: str
    shows: str = ""
    dots: int = DOTS_PER_INCH

    @property
    def is_small(self) -> bool:
        """Whether it can be read on a telephone as a whole: more dots for each inch, so that letters are larger."""
        return self.dots > DOTS_PER_INCH

    @property
    def alt(self) -> str:
        """What stands in the picture's place."""
        return self.shows or self.caption

    @property
    def source(self) -> str:
        """The picture itself as a data address, PNG."""
        from PIL import Image

        drawn, small = BytesIO(), BytesIO()
        self.figure.savefig(drawn, format="png", dpi=self.dots, facecolor="white")
        with Image.open(drawn) as image:
            image.convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
        return "data:image/png;base64," + b64encode(small.getvalue()).decode("ascii")


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own.

    Attributes
    ----------
    title : str
    paragraphs : sequence of str
        Plain text.
    table : DataFrame, optional
    pictures : sequence of Picture
    lines : sequence of str
        Text in which every line break and space counts.
    folded : bool
        Whether it is opened by a click.
    details : sequence of Section
        Folded parts of it.
    below : Section, optional
        A second table, whose title is a sentence above it.
    """

    title: str
    paragraphs: Sequence[str] = ()
    table: DataFrame | None = None
    pictures: Sequence[Picture] = ()
    lines: Sequence[str] = ()
    folded: bool = False
    details: Sequence[Section] = ()
    below: Section | None = None

    @property
    def anchor(self) -> str:
        """Name of the section in the page's own links."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())

    @property
    def rows(self) -> str:
        """The table as HTML; its text is escaped."""
        return "" if self.table is None else self.table.to_html(float_format=_number, na_rep="", border=0)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing below the heading."""
        return not (self.paragraphs or self.lines or self.pictures or self.details or self.table is not None)


@dataclass(frozen=True)
class Page:
    """All of it.

    Attributes
    ----------
    title : str
    verdict : str
        Lines on whether to trust the run; `trusted` colours them, and where it is not trusted they come first.
    trusted : bool
    sections : list of Section
    facts : dict of str to str
        Versions, seed, sizes, times.
    command : str
        What repeats the run.
    summary : sequence of str
        Sentences in plain words that begin the page.
    links : sequence of (str, str)
        Files beside the page, each with what it holds.
    """

    title: str
    verdict: str
    trusted: bool
    sections: list[Section] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    command: str = ""
    summary: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()


def written(page: Page, target: Path) -> Path:
    """Write the page, its folder included; returns the path.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = written(Page("A run", "fine", True), Path(folder) / "report.html")
    ...     "<h1>A run</h1>" in file.read_text(encoding="utf-8")
    True
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mcmix.report.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(TEMPLATE).render(page=page)
    write_text(target, text)
    return target


def _number(value: float) -> str:
    return f"{value:.4g}"


__all__ = ["Page", "Picture", "Section", "written"]

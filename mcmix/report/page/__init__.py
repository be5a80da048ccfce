"""One self-contained HTML page about a run."""

from mcmix.report.page.page import Page, Picture, Section, written

__all__ = ["Page", "Picture", "Section", "written"]

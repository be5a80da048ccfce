"""What objects look like in a notebook: what they are in one line, a small table, what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

MOST_SHOWN = 40  # rows of a table, numbers of a variable


def shown(title: object = "", columns: Mapping[str, Sequence[object]] | None = None, *said: str) -> str:
    """HTML of an object.

    Parameters
    ----------
    title : object
        What it is, as ``str`` has it.
    columns : mapping of str to sequence, optional
        Of a table, by their heads. Real numbers are shown with four digits, text begins on the left.
    *said : str
        Lines below it; empty ones are left out.

    Examples
    --------
    >>> shown("two & two", {"group": ["A"], "rows": [3]}, "all of them")[:36]
    '<p><b>two &amp; two</b></p><table><t'
    """
    lines = "".join(f"<p>{escape(line)}</p>" for line in said if line)
    head = f"<p><b>{escape(str(title))}</b></p>" if str(title) else ""
    return f"{head}{_table(columns) if columns else ''}{lines}"


def _table(columns: Mapping[str, Sequence[object]]) -> str:
    heads = "".join(f"<th{_side(column[:1])}>{escape(head)}</th>" for head, column in columns.items())
    rows = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in zip(*columns.values(), strict=True))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(value: object) -> str:
    return f"<td{_side([value])}>{escape(f'{value:.4g}' if isinstance(value, float) else str(value))}</td>"


def _side(values: Sequence[object]) -> str:
    return " style='text-align:left'" if any(isinstance(value, str) for value in values) else ""


__all__ = ["MOST_SHOWN", "shown"]

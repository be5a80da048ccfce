"""The one file that knows pandas: data that come in as frames, and the summary that goes out as one.

pandas is imported only to make a frame. A Series that comes in shows that somebody else has loaded it already.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report import arviz_measures
from mcmix.report.elements import Elements, select, side_by_side
from mcmix.report.statistics import interval_name, node_statistics
from mcmix.traces.memory import Draws

if TYPE_CHECKING:
    from pandas import DataFrame


def summary_frame(
    draws: Draws, names: str | Iterable[str] | None = None, alpha: float = 0.05, round_to: int | None = None
) -> DataFrame:
    """One row per scalar element: where it lies, how well that is known, whether the chains agree.

    Parameters
    ----------
    draws : Draws
    names : str or iterable of str, optional
        Variables (``"mu"``) or elements (``"mu[0]"``); all variables when left out.
    alpha : float in (0, 1)
        The interval holds a share 1 - alpha of the draws; its two columns carry the percentages.
    round_to : int, optional
        Decimals to round to.

    Returns
    -------
    DataFrame
        Columns ``mean``, ``sd``, ``hdi_2.5%``, ``hdi_97.5%`` (after `alpha`), ``mcse_mean``, ``mcse_sd``,
        ``ess_bulk``, ``ess_tail``, ``r_hat``. What cannot be computed (R-hat of one chain, anything about how a
        constant mixes) is NaN. Angles have circular means, standard deviations and intervals (see
        :func:`mcmix.report.statistics.node_statistics`); R-hat and effective draws are those of the worse of the sine
        and cosine about the circular mean.

    Raises
    ------
    ModelError
        If a name is not among the draws.
    """
    from pandas import DataFrame, concat

    rows = [DataFrame(_columns(part, alpha), index=part.labels) for part in side_by_side(select(draws, names))]
    frame = concat(rows)
    return frame if round_to is None else frame.round(round_to)


def _columns(part: Elements, alpha: float) -> dict[str, np.ndarray]:
    moments = node_statistics(part.draws, alpha, circular=part.circular)
    low, high = moments[interval_name(alpha)]
    return {
        "mean": moments["mean"],
        "sd": moments["standard deviation"],
        f"hdi_{50 * alpha:g}%": low,
        f"hdi_{100 - 50 * alpha:g}%": high,
        "mcse_mean": arviz_measures.mcse(part.draws, circular=part.circular),
        "mcse_sd": arviz_measures.mcse(part.draws, "sd", part.circular),
        "ess_bulk": arviz_measures.ess(part.draws, "bulk", part.circular),
        "ess_tail": arviz_measures.ess(part.draws, "tail", part.circular),
        "r_hat": arviz_measures.rhat(part.draws, part.circular),
    }


def table_frame(columns: Mapping[str, np.ndarray], labels: Sequence[object]) -> DataFrame:
    """Columns under row labels."""
    from pandas import DataFrame

    return DataFrame(dict(columns), index=list(labels))


def is_frame(values: Any) -> bool:
    """Whether the values are a pandas Series or DataFrame; never imports pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(values, (pandas.Series, pandas.DataFrame))


def as_array(values: Any) -> Any:
    """Turn a Series or DataFrame into its array, missing numbers as NaN; anything else comes back unchanged.

    Examples
    --------
    >>> as_array([1, 2])
    [1, 2]
    """
    if not is_frame(values):
        return values
    array = values.to_numpy()
    if array.dtype != object:
        return array
    try:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return array


def index_of(values: Any) -> np.ndarray | None:
    """Row labels of a Series or DataFrame, shape (rows,); None for anything else.

    Numbers and dates stay as they are. Everything else becomes text, which every file format can hold; the levels
    of a MultiIndex are joined by a comma.
    """
    if not is_frame(values):
        return None
    labels = values.index.to_numpy()
    if labels.dtype != object:
        return labels
    return np.array([", ".join(map(str, label)) if isinstance(label, tuple) else str(label) for label in labels])


def read_table(path: Path, columns: Sequence[str] | None = None) -> DataFrame:
    """Columns of numbers from a CSV or Parquet file.

    Parameters
    ----------
    path : Path
        Ending in ``.csv``, ``.tsv``, ``.txt`` (with a header line; comma, semicolon or tab between) or ``.parquet``.
    columns : sequence of str, optional
        By default all.

    Returns
    -------
    DataFrame of float64
        Missing cells are NaN.

    Raises
    ------
    ModelError
        If the file cannot be read, is empty, lacks a column, or a column holds text (which is named) or infinities.
    """
    frame = parsed(path)
    if not len(frame.columns) or not len(frame):
        raise ModelError(f"{path}: expected a header line and rows of numbers, got {len(frame)} rows")
    if frame.columns[0].startswith(_NAMELESS):  # what a frame's index becomes in a file
        frame = frame.iloc[:, 1:].set_axis(frame.iloc[:, 0], axis=0)
    names = list(frame.columns)
    bare = [name for name in names if is_number(name)]
    if bare or not names:
        came = f"numbers ({', '.join(bare[:3])})" if bare else "one column without a name"
        raise ModelError(f"{path}: expected names of columns in the first line, got {came}")
    missing = [c for c in columns or () if c not in names]
    if missing:
        raise ModelError(f"{path}: no column {', '.join(map(repr, missing))}; there are {', '.join(names)}")
    doubled = sorted({c for c in columns or names if names.count(c) > 1})
    if doubled:
        raise ModelError(f"{path}: expected one column of each name, got several {', '.join(map(repr, doubled))}")
    return _numbers(path, frame[list(columns)] if columns else frame, chosen=bool(columns))


_NAMELESS = "Unnamed: "  # as pandas calls columns that have no name
_OTHERS = {  # how files of other kinds begin
    b"\x1f\x8b": "a gzip archive; unpack it first (gunzip)", b"BZh": "a bzip2 archive; unpack it first (bunzip2)",
    b"\xfd7zXZ": "an xz archive; unpack it first (unxz)", b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it first",
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx, .ods); unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls); save the sheet as CSV", b"\x89HDF": "an HDF5 or netCDF file",
    b"PAR1": "a Parquet file; let its name end in .parquet", b"%PDF": "a PDF",
}  # fmt: skip


def parsed(path: Path) -> DataFrame:
    """All columns under their names, as they stand in the file."""
    import pandas

    kind = path.suffix.lower()
    if path.is_dir():
        raise ModelError(f"{path}: expected a file, got a folder")
    if kind not in (".csv", ".tsv", ".txt", ".parquet"):
        raise ModelError(f"{path}: expected a .csv, .tsv, .txt or .parquet file")
    try:
        _refuse_other_kinds(path, kind)
        if kind == ".parquet":
            frame = pandas.read_parquet(path)
            return frame.set_axis([str(c).strip() for c in frame.columns], axis=1)
        header = _header(path)
        # rows that end in a comma have one field more than names: pandas would take the first for row labels
        frame = pandas.read_csv(
            path, sep=_separator(path), skipinitialspace=True, index_col=False, encoding="utf-8-sig", low_memory=False
        )
        return frame.iloc[:, : len(header)].set_axis(header, axis=1)
    except ModelError:
        raise
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file") from error
    except ImportError as error:
        raise ModelError(f"{path}: Parquet files need pyarrow: pip install 'mcmix[parquet]'") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: expected text in UTF-8, got other bytes; save the file as UTF-8") from error
    except Exception as error:  # whatever the parsers of pandas and pyarrow raise on a file that is none
        if kind != ".parquet" and not path.read_bytes().strip():
            raise ModelError(f"{path}: expected a header line and rows of numbers, got an empty file") from error
        said = str(error).strip().splitlines()
        raise ModelError(
            f"{path}: cannot be read as {kind[1:]}: {said[0] if said else type(error).__name__}"
        ) from error


def _refuse_other_kinds(path: Path, kind: str) -> None:
    """Refuse a file that begins like one of another kind, whatever its name ends in."""
    with path.open("rb") as file:
        first = file.read(8)
    for mark, what in _OTHERS.items():
        if first.startswith(mark) and not (kind == ".parquet" and mark == b"PAR1"):
            raise ModelError(f"{path}: expected a {kind} file, got {what}")


def file_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and fields of every row that is not blank."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_separator(path), skipinitialspace=True)
        for row in reader:
            if any(field.strip() for field in row) or len(row) > 1:
                yield reader.line_num, row


def _header(path: Path) -> list[str]:
    """Names of the columns; what pandas would bend silently is refused.

    Raises
    ------
    ModelError
        If a row has more fields than there are names, or two columns have one name.
    """
    rows = file_rows(path)
    _, names = next(rows, (0, []))
    header = [name.strip() for name in names]
    for line, row in rows:
        if any(field.strip() for field in row[len(header) :]):
            raise ModelError(
                f"{path}: expected {len(header)} fields in each row, as there are names, got {len(row)} in line {line} "
                f"({_separator(path).join(row)[:60]}); write numbers with a decimal point, or in quotes"
            )
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise ModelError(f"{path}: expected one column of each name, got several {', '.join(map(repr, doubled))}")
    while len(header) > 1 and not header[-1] and not _filled(path, len(header) - 1):
        header.pop()  # a header that ends in a comma
    return [name or f"{_NAMELESS}{i}" for i, name in enumerate(header)]


def _filled(path: Path, column: int) -> bool:
    return any(any(field.strip() for field in row[column:]) for _, row in file_rows(path))


def is_number(text: str) -> bool:
    """Whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _separator(path: Path) -> str:
    """What stands between names in the first line: a comma, a semicolon or a tab."""
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _numbers(path: Path, frame: DataFrame, chosen: bool) -> DataFrame:
    text = {c: _first_text(frame[c]) for c in frame.columns}
    bad = {c: found for c, found in text.items() if found is not None}
    if bad:
        found = [f"{c!r} ({value!r} in {_place(path, row)})" for c, (row, value) in bad.items()]
        good = ",".join(c for c in frame.columns if c not in bad)
        way_out = "" if chosen else f"; choose columns of numbers with --columns {good}" if good else ""
        commas = any(re.fullmatch(r"\s*[+-]?[\d.]*,\d+\s*", value) for _, value in bad.values())
        way_out = "; write numbers with a point, as in 3.14" if commas else way_out
        raise ModelError(f"{path}: expected numbers, got text in column {', '.join(found)}{way_out}")
    truths = [str(c) for c in frame.columns if frame[c].dtype.kind == "b"]
    if truths:
        raise ModelError(f"{path}: expected numbers, got truth values in column {', '.join(truths)}")
    numbers = frame.astype(np.float64)
    infinite = [str(c) for c in numbers.columns if np.isinf(numbers[c].to_numpy()).any()]
    if infinite:
        raise ModelError(f"{path}: expected finite numbers, got infinite ones in column {', '.join(infinite)}")
    return numbers


def _first_text(column: Any) -> tuple[int, str] | None:
    """Row and text of the first entry that is no number, or None; dates are none."""
    if column.dtype.kind in "biuf":
        return None
    absent = column.isna().to_numpy()
    entries = [(row, value) for row, value in enumerate(column.tolist()) if not absent[row]]
    wrong = [(row, str(value)) for row, value in entries if not _is_plain_number(value)]
    texts = [(row, value) for row, value in entries if isinstance(value, str)]  # numbers that are kept as text
    return next(iter(wrong or texts), None)


def _is_plain_number(value: Any) -> bool:
    if isinstance(value, str):
        return is_number(value)
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.timedelta64))


def _place(path: Path, row: int) -> str:
    """Where a row of the frame stands."""
    if path.suffix.lower() == ".parquet":
        return f"row {row + 1}"
    line = next((line for i, (line, _) in enumerate(file_rows(path)) if i == row + 1), None)
    return f"row {row + 1}" if line is None else f"line {line}"

"""The one file that knows pandas: data that come in as frames, and the summary that goes out as one.

pandas is imported only to make a frame. A Series that comes in shows that somebody else has loaded it already.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.elements import Elements, select
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

    rows = [DataFrame(_columns(part, alpha), index=part.labels) for part in select(draws, names)]
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
        "mcse_mean": arviz_bridge.mcse(part.draws, circular=part.circular),
        "mcse_sd": arviz_bridge.mcse(part.draws, "sd", part.circular),
        "ess_bulk": arviz_bridge.ess(part.draws, "bulk", part.circular),
        "ess_tail": arviz_bridge.ess(part.draws, "tail", part.circular),
        "r_hat": arviz_bridge.rhat(part.draws, part.circular),
    }


def table_frame(columns: Mapping[str, np.ndarray], labels: Sequence[str]) -> DataFrame:
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
    frame = _parsed(path)
    if not len(frame.columns) or not len(frame):
        raise ModelError(f"{path}: expected a header line and rows of numbers, got {len(frame)} rows")
    frame.columns = [str(c).strip() for c in frame.columns]
    if frame.columns[0].startswith("Unnamed: "):  # what a frame's index becomes in a file
        frame = frame.set_index(frame.columns[0])
    names = list(frame.columns)
    bare = [name for name in names if _is_number(name)]
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


def _parsed(path: Path) -> DataFrame:
    import pandas

    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".txt", ".parquet"):
        raise ModelError(f"{path}: expected a .csv, .tsv, .txt or .parquet file")
    try:
        if kind == ".parquet":
            return pandas.read_parquet(path)
        return pandas.read_csv(path, sep=_separator(path), skipinitialspace=True)
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


def _is_number(text: str) -> bool:
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
    found = [f"{c!r} (such as {value!r})" for c, value in text.items() if value is not None]
    if found:
        good = ",".join(c for c, value in text.items() if value is None)
        way_out = "" if chosen else f"; choose columns of numbers with --columns {good}" if good else ""
        commas = any(re.fullmatch(r"[+-]?[\d.]*,\d+", str(value)) for value in text.values())
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


def _first_text(column: Any) -> str | None:
    """The first entry that is no number, or None; dates are none."""
    if column.dtype.kind in "biuf":
        return None
    known = column.dropna()
    wrong = [v for v in known if isinstance(v, bool) or not isinstance(v, (int, float, np.number))]
    return str(wrong[0]) if wrong else None

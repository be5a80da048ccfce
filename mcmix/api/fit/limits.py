"""What the command line's parser, fits and estimators all know of an unknown number of components; quick to import."""

MOST_COMPONENTS = 30  # that there may be, unless asked for
FEWEST_SWEEPS, MOST_SWEEPS = 5, 50  # for each draw that is kept
ROWS_SWEPT = 2 * 10**8  # rows that are gone over for all draws


def sweeps_of_a_draw(rows: int, draws: int) -> int:
    """Sweeps for each of so many draws: groups that come and go change slowly, so of few rows there are many.

    Examples
    --------
    >>> sweeps_of_a_draw(300, 8000), sweeps_of_a_draw(1000, 8000), sweeps_of_a_draw(10**6, 8000)
    (50, 25, 5)
    """
    return max(FEWEST_SWEEPS, min(MOST_SWEEPS, ROWS_SWEPT // (rows * draws)))


__all__ = ["FEWEST_SWEEPS", "MOST_COMPONENTS", "sweeps_of_a_draw"]

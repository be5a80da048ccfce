"""PyMC 2's plots by name, drawn by mcmix's.

Each takes a sampler, a node, a trace, a dict of arrays, or an array with its name; it draws a figure that pyplot knows
(``pyplot.gcf()``), and writes it to a file where a path, format or suffix is given. As in PyMC 2 nothing is returned:
a notebook shows the figure once. The functions of mcmix.plots return theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mcmix.files import written_beside
from mcmix.pymc2.drawn import draws_of, plotted
from mcmix.screen import say


def plot(
    data: Any,
    name: str | None = None,
    format: str | None = None,  # noqa: A002
    suffix: str = "",
    path: Any = None,
    common_scale: bool = True,
    datarange: Any = (None, None),
    new: bool = True,
    last: bool = True,
    rows: int = 1,
    num: int = 1,
    fontmap: Any = None,
    verbose: int = 1,
    chain: int | None = None,
) -> None:
    """Draw the trace, autocorrelation and histogram of each element.

    Parameters
    ----------
    data : sampler, node, trace, dict or array
        Of a sampler, variables with plot=True, and those with fewer than ten elements unless plot=False.
    name : str, optional
        Of an array; also the name of the file.
    format, suffix, path : optional
        Where one is given, the figure is written to path/(name)(suffix).(format); png by default.
    common_scale : bool
        Elements of one variable on one scale.
    new : bool
        In a new figure, or else in pyplot's present one.
    chain : int, optional
        One chain; by default those as long as the last.
    datarange, last, rows, num, fontmap : optional
        Accepted for PyMC 2's sake.
    verbose : int
        Above 0, say which file was written.
    """

    def draw(source: Any, names: Any, figure: Any) -> Any:
        from mcmix.report.plots.classic import overview

        return overview(source, names, common_scale=common_scale, figure=figure)

    _drawn(draw, data, name, chain, new, (format, suffix, path, verbose))


def histogram(
    data: Any,
    name: str | None = None,
    bins: int = 40,
    datarange: Any = (None, None),
    format: str | None = None,  # noqa: A002
    suffix: str = "",
    path: Any = None,
    rows: int = 1,
    columns: int = 1,
    num: int = 1,
    last: bool = True,
    fontmap: Any = None,
    verbose: int = 1,
    chain: int | None = None,
    new: bool = True,
) -> None:
    """Draw a histogram of each element with its mean and interval; arguments as for :func:`plot`."""

    def draw(source: Any, names: Any, figure: Any) -> Any:
        from mcmix.report.plots import facets

        return facets(source, names, bins=bins if isinstance(bins, int) else 40, figure=figure)

    _drawn(draw, data, name, chain, new, (format, suffix, path, verbose))


def trace(
    data: Any,
    name: str | None = None,
    format: str | None = None,  # noqa: A002
    datarange: Any = (None, None),
    suffix: str = "",
    path: Any = None,
    rows: int = 1,
    columns: int = 1,
    num: int = 1,
    last: bool = True,
    new: bool = True,
    fontmap: Any = None,
    verbose: int = 1,
    chain: int | None = None,
) -> None:
    """Draw the chains of each element; arguments as for :func:`plot`."""

    def draw(source: Any, names: Any, figure: Any) -> Any:
        from mcmix.report import plots

        return plots.trace(source, names, figure=figure)

    _drawn(draw, data, name, chain, new, (format, suffix, path, verbose))


def autocorrelation(
    data: Any,
    name: str | None = None,
    maxlags: int = 100,
    format: str | None = None,  # noqa: A002
    reflected: bool = False,
    suffix: str = "",
    path: Any = None,
    fontmap: Any = None,
    new: bool = True,
    last: bool = True,
    rows: int = 1,
    columns: int = 1,
    num: int = 1,
    verbose: int = 1,
    chain: int | None = None,
) -> None:
    """Draw the autocorrelation of each element up to `maxlags`; arguments as for :func:`plot`."""

    def draw(source: Any, names: Any, figure: Any) -> Any:
        from mcmix.report.plots import classic

        return classic.autocorrelation(source, names, max_lag=maxlags, figure=figure)

    _drawn(draw, data, name, chain, new, (format, suffix, path, verbose))


def summary_plot(
    pymc_obj: Any,
    name: str = "model",
    format: str | None = None,  # noqa: A002
    suffix: str = "-summary",
    path: Any = None,
    alpha: float = 0.05,
    chain: int | None = None,
    quartiles: bool = True,
    hpd: bool = True,
    rhat: bool = True,
    main: str | None = None,
    xlab: str | None = None,
    x_range: tuple[float, float] | None = None,
    custom_labels: Sequence[str] | None = None,
    chain_spacing: float = 0.05,
    vline_pos: float | None = 0,
    verbose: int = 1,
    new: bool = True,
) -> None:
    """Draw the interval of each element on one scale, with the median and, for several chains, R-hat.

    Parameters
    ----------
    pymc_obj : sampler, node, trace, dict or array
    name, format, suffix, path, chain, verbose, new
        As for :func:`plot`; the usual suffix alone writes no file.
    alpha : float
        Share of the draws outside the interval.
    quartiles, rhat : bool
    main, xlab : str, optional
        Title and label of the axis.
    x_range, custom_labels : optional
    vline_pos : float, optional
        Where an upright line stands.
    hpd, chain_spacing : optional
        Accepted for PyMC 2's sake.
    """

    def draw(source: Any, names: Any, figure: Any) -> Any:
        from mcmix.report.plots.classic import forest

        return forest(
            source,
            names,
            alpha=alpha,
            quartiles=quartiles,
            with_rhat=rhat,
            title=main,
            x_label=xlab or "value",
            x_range=x_range,
            labels=custom_labels,
            line_at=vline_pos,
            figure=figure,
        )

    asked = suffix if (suffix != "-summary" or path is not None or format is not None) else ""
    _drawn(draw, pymc_obj, name, chain, new, (format, asked, path, verbose))


def _drawn(
    draw: Callable[[Any, Any, Any], Any], data: Any, name: str | None, chain: int | None, new: bool, file: Any
) -> None:
    """Draw on a figure of pyplot's, and write it where asked."""
    found = draws_of(data, name, chain)
    source, names = SimpleNamespace(draws=lambda: found), plotted(data)
    from mcmix.report.plots.pyplot import pyplot_figure

    figure = draw(source, names, lambda height: pyplot_figure(height, new))
    form, suffix, path, verbose = file
    if form is None and path is None and not suffix:
        return
    stem = name or getattr(data, "name", None) or getattr(data, "__name__", "plot")
    target = Path("." if path is None else path) / f"{stem}{suffix}.{form or 'png'}"
    with written_beside(target) as beside:
        figure.savefig(beside)
    if verbose > 0:
        say(f"written: {target}", error=True)


__all__ = ["autocorrelation", "histogram", "plot", "summary_plot", "trace"]

"""What a diagnosis comes out as: a verdict in words, findings, a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mcmix.report import frames
from mcmix.report.diagnosis.chains import impossible, least_certain, worst_rhat
from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.finding import NOTE, Finding, in_sentence, size_of
from mcmix.report.diagnosis.findings import all_findings
from mcmix.report.diagnosis.glance import glanced
from mcmix.report.diagnosis.occupancy import Occupancy, occupancy
from mcmix.report.diagnosis.quantities import Group, Quantity, groups_of, measured, picked
from mcmix.traces.memory import Draws

if TYPE_CHECKING:
    from pandas import DataFrame

FEWEST = 100  # draws of each chain below which nothing is said
AT_A_GLANCE = 50  # quantities for the verdict after a run
IN_FULL = 2000
MOST_LINES = 3  # of a verdict
LONGEST = 5000  # draws of each chain for the verdict: evenly spaced ones of more
SEEN_DRAWS = 200  # of each chain, in which labels are counted at a glance
SEEN_LABELS = 20_000_000  # where these would be more labels than this ...
MOST_COUNTS = 2**24  # counts of units, draws x components: of more, evenly spaced draws
FEW_DRAWS = 20  # ... so few draws: enough to find empty components, too few to compare chains


@dataclass(frozen=True)
class Diagnosis:
    """What a run is worth. ``print(it)`` shows all, a notebook the same as a table.

    Attributes
    ----------
    findings : list of Finding
        The worst first: ``kind``, ``severity`` ("failure", "warning" or "note"), ``what``, ``advice``.
    quantities : list of Quantity
    left_out : int
        Quantities that were not looked at, where there were too many.
    size : str
        Chains and draws, in words.
    n_draws : int
        Of all chains.
    looked_at : int
        Quantities that were looked at. After a run only those that may be the worst get exact numbers.
    """

    findings: list[Finding]
    quantities: list[Quantity]
    left_out: int
    size: str
    n_draws: int
    looked_at: int = 0
    judged: bool = True
    _tables: list[DataFrame] = field(default_factory=list, repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: notes only."""
        return self.judged and not self.wrong

    @property
    def wrong(self) -> list[Finding]:
        """Findings that are more than notes."""
        return [f for f in self.findings if f.severity != NOTE]

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        if self.wrong:
            return self.wrong[0].kind
        if not self.judged:
            return "too few draws to judge"
        return "converged" if least_certain(self.quantities) is not None else "nothing moves"

    @property
    def verdict(self) -> str:
        """At most three lines: what is wrong and what to do, or how many draws the run is worth."""
        if self.wrong:
            return "\n".join(str(f) for f in self.wrong[:MOST_LINES])
        if not self.judged:
            return f"{self.size}: too few to judge, {FEWEST} of each chain are the least"
        switched = [str(f) for f in self.findings if f.kind == "label switching present"]
        return "\n".join([self._worth, *switched][:MOST_LINES])

    @property
    def _worth(self) -> str:
        least, worst = least_certain(self.quantities), worst_rhat(self.quantities)
        if least is None or worst is None:
            return f"{self.size}: nothing moves whose draws could be judged"
        halves = " between its halves" if any(f.kind == "one chain" for f in self.findings) else ""
        looked = f"; {self.looked_at} quantities checked, {self.left_out} not" if self.left_out else ""
        at_least = "at least " if least.draws.size < self.n_draws else ""
        return (
            f"Converged: min ESS {at_least}{least.effective:.0f} ({in_sentence(least.label)}), "
            f"max R-hat {worst.rhat:.2f}{halves} ({self.size}{looked})"
        )

    @property
    def table(self) -> DataFrame:
        """One row for each quantity, by name: what kind it is, where it lies, how well it mixes.

        Columns ``kind`` ("label-invariant" or "named"), ``mean``, ``sd``, ``mcse``, ``r_hat``, ``ess_bulk``,
        ``ess_tail``. NaN where nothing can be said (constants).
        """
        if not self._tables:
            self._tables.append(frames.table_frame(_columns(self.quantities), [q.label for q in self.quantities]))
        return self._tables[0]

    def __repr__(self) -> str:
        lines = [self.verdict, ""] + [f"{f.severity}: {f}" for f in self.findings if str(f) not in self.verdict]
        return "\n".join([*lines, "", self.table.to_string(float_format=lambda v: f"{v:.4g}", max_rows=60)])

    def _repr_html_(self) -> str:
        from html import escape

        lines = "<br>".join(escape(line) for line in self.verdict.splitlines())
        rest = "".join(f"<li>{escape(f'{f.severity}: {f}')}</li>" for f in self.findings if str(f) not in self.verdict)
        table = self.table.to_html(float_format=lambda v: f"{v:.4g}", max_rows=60)
        return f"<p><b>{lines}</b></p><ul>{rest}</ul>{table}"


def diagnosed(draws: Draws, facts: Facts, more: Sequence[Group] = (), *, in_full: bool = False) -> Diagnosis:
    """Look at a run.

    Parameters
    ----------
    draws : Draws
    facts : Facts
    more : sequence of Group
        Quantities beside those that are read off the draws.
    in_full : bool
        Look at all labels and up to 2000 quantities; else as a word after a run must be had, in milliseconds: at
        5000 draws of each chain, 200 of the labels, and 50 quantities.

    Returns
    -------
    Diagnosis

    Examples
    --------
    >>> draws = Draws({"mu": np.random.default_rng(1).normal(size=(4, 500))})
    >>> diagnosed(draws, Facts(continuous=frozenset({"mu"}))).ok
    True
    """
    if draws.n_draws < FEWEST:
        return Diagnosis(impossible(draws), [], 0, size_of(draws), draws.n_chains * draws.n_draws, judged=False)
    counted = {name: _counted(draws, name, facts, in_full) for name in facts.labels if name in draws.variables}
    compared = {name: o for name, o in counted.items() if o.counts.shape[1] > FEW_DRAWS}
    groups = [*groups_of(draws if in_full else _some(draws), facts, compared), *more]
    looked = picked(groups, IN_FULL if in_full else AT_A_GLANCE)
    quantities = measured(looked) if in_full else glanced(draws, looked)
    found = all_findings(draws, facts, counted, quantities)
    looked_at = sum(len(p.positions) for p in looked)
    left_out = sum(len(g.labels) for g in groups) - looked_at
    return Diagnosis(found, quantities, left_out, size_of(draws), draws.n_chains * draws.n_draws, looked_at)


def _some(draws: Draws) -> Draws:
    """Evenly spaced draws of a long run."""
    step = -(-draws.n_draws // LONGEST)
    statistics = {"lp": draws.statistics["lp"][:, ::step]} if "lp" in draws.statistics else {}
    return Draws(
        {n: values[:, ::step] for n, values in draws.variables.items()},
        statistics,
        angles=draws.angles,
        labels=draws.labels,
    )


def _counted(draws: Draws, name: str, facts: Facts, in_full: bool) -> Occupancy:
    labels = draws.variables[name]
    many = labels[:, :1].size * min(SEEN_DRAWS, draws.n_draws) > SEEN_LABELS
    most = draws.n_draws if in_full else FEW_DRAWS if many else SEEN_DRAWS
    fits = MOST_COUNTS // (draws.n_chains * facts.labels[name].n_components)
    return occupancy(labels, facts.labels[name], max(2, min(most, fits)))


def _columns(quantities: Sequence[Quantity]) -> dict[str, np.ndarray]:
    moments = np.array([q.moments() for q in quantities]).reshape(-1, 3)
    return {
        "kind": np.array(["label-invariant" if q.group.invariant else "named" for q in quantities]),
        "mean": moments[:, 0],
        "sd": moments[:, 1],
        "mcse": moments[:, 2],
        "r_hat": np.array([q.rhat for q in quantities]),
        "ess_bulk": np.array([q.bulk for q in quantities]),
        "ess_tail": np.array([q.tail for q in quantities]),
    }


__all__ = ["Diagnosis", "diagnosed"]

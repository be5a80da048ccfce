"""Fit one mixture whose number of components is an unknown to columns of a file, and report the groups."""

from __future__ import annotations

import mcmix as mc
from mcmix.api.default_priors import PRIOR_IN_WORDS, weakly_informative
from mcmix.api.fit.job import BY_GROUP, DOUBTFUL, STOPPED, WELL, Job, Wish, begun, drawn, ended
from mcmix.api.fit.parts import mixture
from mcmix.api.fit.patience import alive
from mcmix.api.fit.written import Outcome, units_of_data, write
from mcmix.api.groups import groups_or_reason, one_group
from mcmix.api.posterior_components import posterior_components
from mcmix.api.report import verdict_of
from mcmix.api.with_clusters import with_clusters
from mcmix.report.arviz_bridge import to_netcdf
from mcmix.screen import kept_back, say

NUMBER = "components"  # what the unknown number is called
UNKNOWN = 0  # stands for it where jobs tell samplers by their numbers of components


def fit_unknown(wish: Wish) -> int:
    """Do it; returns the exit code.

    Raises
    ------
    ModelError
        If the file or the wish cannot be served.
    KeyboardInterrupt
        If Ctrl-C came before there was anything to report, or a second time.
    """
    job = begun(wish)
    most = min(wish.most, len(job.kept))
    number = mc.NumberOfComponents(NUMBER, weakly_informative(), most=most)
    drawn(job, UNKNOWN, number, f"unknown number of components, 1 to {most}")
    return ended(job, "", lambda: _reported(job, most))


def _reported(job: Job, most: int) -> int:
    """Find the most probable number of groups, and write everything about it."""
    m = job.samplers[UNKNOWN]
    with alive("still judging the draws"):
        diagnosis = m.diagnose()
        found = posterior_components(m)
    k = found.most_clusters
    say(f"\n{found.said}\n")
    say(verdict_of(diagnosis, relabelled=True))
    given = with_clusters(m, mixture(job.choice.parts, job.kept, k), k)
    with alive("still working out which row belongs where"):
        units = units_of_data(job)
        groups, why_none = groups_or_reason(given, "last", units) if k > 1 else (one_group(given, units), "")
    with alive("still writing the draws by group"), kept_back():
        to_netcdf(mc.relabel(given) if k > 1 else given.to_arviz(), job.wish.folder / BY_GROUP)
    weights = f"Number of components ~ {PRIOR_IN_WORDS}, up to {most}; weights ~ Dirichlet(1, ..., 1)."
    write(job, m, Outcome(k, groups, why_none, diagnosis.ok, found=found, given=given, weights=weights))
    if job.stopped:
        return STOPPED
    return WELL if diagnosis.ok else DOUBTFUL


__all__ = ["fit_unknown"]

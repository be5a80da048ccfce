"""Figures of the draws and of the fit. Each function returns a matplotlib Figure and leaves nothing open in pyplot.

Examples
--------
>>> import mcmix as mc
>>> m = mc.MCMC([mc.Normal("x", 0.0, 1.0)]).sample(500, 100, seed=1, progress_bar=False)
>>> len(mc.plots.facets(m).axes)
1
"""

from mcmix.report.plots.chains import trace
from mcmix.report.plots.check import predictive_check
from mcmix.report.plots.evidence import comparison
from mcmix.report.plots.fitted import density
from mcmix.report.plots.histograms import facets
from mcmix.report.plots.partitions import occupied, similarity
from mcmix.report.plots.plane import density2d, ellipses
from mcmix.report.plots.posterior_components import posterior_components
from mcmix.report.plots.predictive import cumulative
from mcmix.report.plots.prior import prior_posterior
from mcmix.report.plots.prior_components import prior_components
from mcmix.report.plots.rank_bars import ranks
from mcmix.report.plots.relabelled import components
from mcmix.report.plots.sensitivity import refits
from mcmix.report.plots.shares import memberships
from mcmix.report.plots.squares import hinton
from mcmix.report.plots.variational import bound

__all__ = [
    "bound", "comparison", "components", "cumulative", "density", "density2d", "ellipses", "facets", "hinton",
    "memberships", "occupied", "posterior_components", "predictive_check", "prior_components", "prior_posterior",
    "ranks", "refits", "similarity", "trace",
]  # fmt: skip

"""Figures of the draws and of the fit. Each function returns a matplotlib Figure and leaves nothing open in pyplot."""

from mcmix.report.plots.chains import trace
from mcmix.report.plots.evidence import comparison
from mcmix.report.plots.fitted import density
from mcmix.report.plots.histograms import facets
from mcmix.report.plots.partitions import occupied, similarity
from mcmix.report.plots.plane import density2d, ellipses
from mcmix.report.plots.squares import hinton
from mcmix.report.plots.variational import bound

__all__ = [
    "bound", "comparison", "density", "density2d", "ellipses", "facets", "hinton", "occupied", "similarity", "trace",
]  # fmt: skip

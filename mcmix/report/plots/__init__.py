"""Figures of the draws and of the fit. Each function returns a matplotlib Figure and leaves nothing open in pyplot."""

from mcmix.report.plots.chains import trace
from mcmix.report.plots.fitted import density
from mcmix.report.plots.histograms import facets

__all__ = ["density", "facets", "trace"]

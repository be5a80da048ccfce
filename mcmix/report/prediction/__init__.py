"""Numbers of a predictive distribution from its values at draws: means with their errors, integrals, quantiles."""

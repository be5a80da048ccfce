"""Numbers of a predictive law from its values at draws: means with their errors, integrals, quantiles."""

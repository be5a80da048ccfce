"""After the draws: which units belong together, whatever the clusters are called."""

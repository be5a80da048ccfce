"""Variational Bayes: factorised posteriors of conjugate mixtures, found by coordinate ascent on a lower bound."""

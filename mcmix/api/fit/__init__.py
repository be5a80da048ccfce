"""``python -m mcmix fit``: from a table of numbers to a page."""

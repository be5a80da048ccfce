"""Whether a run can be trusted: how well chains mix, what went wrong, and both in plain words."""

"""After the draws: which component of a draw is which."""

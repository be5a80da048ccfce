"""What a person sees of the draws: statistics, frames, ArviZ data, figures."""

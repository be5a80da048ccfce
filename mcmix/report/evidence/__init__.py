"""How well a model as a whole explains the data."""

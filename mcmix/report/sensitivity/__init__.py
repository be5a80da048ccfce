"""How a posterior answers to its prior: power-scaling of what was drawn, and refits over a grid."""

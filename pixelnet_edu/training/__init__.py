"""Training: recipes, steps, checkpoints, runs."""

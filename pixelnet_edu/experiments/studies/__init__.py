"""Studies: what a data set gives away by itself, and how noisy the gradients of an experiment's arms are."""

"""Studies of data sets."""

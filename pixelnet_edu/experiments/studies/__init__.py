"""Studies that train nothing: what a data set gives away by itself."""

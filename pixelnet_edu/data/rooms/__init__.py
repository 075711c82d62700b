"""Rendered rooms: layouts draws them at random, raycast and render make pictures, scenes a data set."""

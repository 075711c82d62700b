"""Rendered rooms."""

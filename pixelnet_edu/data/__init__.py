"""Data sets that share one form of sample: a dictionary with an image and the targets that the set has."""

from pixelnet_edu.data.camvid import CamVid

__all__ = ["CamVid"]

"""Data sets that share one form of sample: a dictionary with an image and the targets that the set has."""

from pixelnet_edu.data.camvid import CamVid
from pixelnet_edu.data.rooms import RoomScenes

__all__ = ["CamVid", "RoomScenes"]

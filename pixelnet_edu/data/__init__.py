"""Data sets that share one form of sample: a dictionary with an image and the targets that the set has."""

from pixelnet_edu.data.bsds import BSDS500
from pixelnet_edu.data.camvid import CamVid
from pixelnet_edu.data.depth import normals_from_depth
from pixelnet_edu.data.nyud import NYUDepthV2
from pixelnet_edu.data.pascal import PascalVOC
from pixelnet_edu.data.pascal_context import PascalContext
from pixelnet_edu.data.rooms.scenes import RoomScenes

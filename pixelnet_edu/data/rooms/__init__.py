"""Rendered rooms: layouts draws them at random, raycast and render make pictures, scenes a data set."""

from pixelnet_edu.data.rooms.layouts import random_layout
from pixelnet_edu.data.rooms.raycast import boundaries
from pixelnet_edu.data.rooms.render import render
from pixelnet_edu.data.rooms.scenes import RoomScenes

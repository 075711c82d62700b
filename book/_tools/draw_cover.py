"""Draw the picture of the README and the first page: rooms, and what must be predicted for each.

python book/_tools/draw_cover.py
"""

from pathlib import Path

import torch

from pixelnet_edu import EdgeDetection, RoomScenes, SemanticSegmentation, SurfaceNormals
from pixelnet_edu.data.reading import tile, write_picture

COVER = Path(__file__).resolve().parents[1] / "_assets" / "rooms.png"
ROOMS = (0, 3, 5, 6)


def cover(size: int = 192) -> torch.Tensor:
    """Tile the rooms in columns: picture, classes, normals, boundaries."""
    segmentation = SemanticSegmentation(RoomScenes.classes, RoomScenes.palette)
    rooms = RoomScenes(size=size, num_scenes=max(ROOMS) + 1, seed=1)
    columns = []
    for index in ROOMS:
        room = rooms[index]
        targets = [
            task.colors(room[task.target][None])[0] for task in (segmentation, SurfaceNormals(), EdgeDetection())
        ]
        columns.append(tile([room["image"], *targets], dim=1))
    return tile(columns, dim=2)


if __name__ == "__main__":
    write_picture(COVER, cover())
    print(f"wrote {COVER.name}")

"""One picture as three problems: what a predictor must answer at a pixel.

Shapes: H x W pixels, K classes.
"""

from collections.abc import Iterable, Sequence

from pixelnet_edu.teaching.palette import hex_colors

from ._encode import Pixels, class_names, index_bytes, normal_bytes, picture_url, to_array
from ._explorer import PictureExplorer, source


class LabelProbe(PictureExplorer):
    """The image beside one of its targets, and the three answers at the pixel under the cross.

    Parameters
    ----------
    image : Tensor or array (3, H, W)
        RGB in [0, 1].
    labels : Tensor or array (H, W)
        Class indices below K; 255 is void.
    normals : Tensor or array (3, H, W)
        Unit normals (x right, y down, z into the scene); zeros where unknown. Kept with 7 bits a number.
    edges : Tensor or array (H, W)
        1 on an edge, 0 elsewhere; 255 is void.
    classes : sequence of str
        The names of the K classes.
    palette : sequence of colours
        A colour for each class: "#rrggbb" or three 8-bit numbers.

    Raises
    ------
    ValueError
        If shapes disagree, a value is out of range, or the state would be too large.

    Examples
    --------
    >>> import numpy as np
    >>> normals = np.zeros((3, 4, 6))
    >>> normals[2] = -1
    >>> flat = np.zeros((4, 6), int)
    >>> LabelProbe(np.ones((3, 4, 6)), flat, normals, flat, ["wall"], ["#999999"])
    LabelProbe(6 x 4 pixels)
    """

    _esm, _css = source("label_probe.js"), source("label_probe.css")

    def __init__(
        self, image: Pixels, labels: Pixels, normals: Pixels, edges: Pixels, classes: Sequence[str], palette: Iterable
    ) -> None:
        size = to_array(image, "image", (3, None, None)).shape[1:]
        classes = class_names(classes, "classes")
        super().__init__(
            size=list(size),
            image=picture_url(image),
            labels=index_bytes(labels, "labels", len(classes), size),
            normals=normal_bytes(normals, "normals", (3, *size)),
            edges=index_bytes(edges, "edges", 2, size),
            classes=classes,
            palette=hex_colors(palette, len(classes)),
        )

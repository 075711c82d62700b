"""Predict a photograph of any size, in bounded memory: the answers are enlarged, decoded and coloured band by band.

Shapes: K outputs, h x w pixels that the network sees, H x W pixels of the photograph.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as T

from pixelnet_edu.checks import check_tensor
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task
from pixelnet_edu.training.evaluation import predict_one

PIXELS_AT_ONCE = 1 << 20  # of the photograph, in whole rows


def predict_photo(model: PixelNet, task: Task, photo: Tensor, size: tuple[int, int]) -> Tensor:
    """Predict a photograph of any size and colour the prediction.

    The network sees the photograph with as many pixels as a training image has; its outputs are enlarged or reduced to
    the photograph's own size, then decoded.

    Parameters
    ----------
    photo : Tensor (3, H, W)
        RGB: uint8, or float32 in [0, 1].
    size : (int, int)
        Height and width of the training images.

    Returns
    -------
    Tensor (3, H, W), uint8
        RGB.
    """
    H, W = check_tensor("photo", photo).shape[-2:]
    factor = (size[0] * size[1] / (H * W)) ** 0.5
    smallest = model.backbone.levels[-1].stride
    seen = T.resize(photo, [max(smallest, round(factor * side)) for side in (H, W)], antialias=True)
    outputs = predict_one(model, seen / 255 if seen.dtype == torch.uint8 else seen)
    picture = torch.empty(H, W, 3, dtype=torch.uint8).permute(2, 0, 1)  # as an image file has it
    for rows in torch.arange(H).split(max(1, PIXELS_AT_ONCE // W)):
        colors = task.colors(task.decode(_enlarged(outputs, rows, (H, W))))[0]
        picture[:, rows[0] : rows[-1] + 1] = (255 * colors).round().byte()
    return picture


def _enlarged(outputs: Tensor, rows: Tensor, size: tuple[int, int]) -> Tensor:
    """Return some rows of what bilinear interpolation to (H, W) makes of outputs (1, K, h, w): (1, K, rows, W)."""
    h, (H, W) = outputs.shape[2], size
    t = ((rows + 0.5) * h / H - 0.5).clamp(0, h - 1)
    above = t.long()
    below = (above + 1).clamp(max=h - 1)
    mixed = outputs[:, :, above].lerp(outputs[:, :, below], (t - above)[:, None])
    return F.interpolate(mixed, (len(rows), W), mode="bilinear")

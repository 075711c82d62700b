"""Paired transforms: whatever happens to the photograph happens to its targets.

Built on torchvision's v2 functions. Photographs are resized bilinearly, targets by nearest neighbour; a mirror image
mirrors the normals too. Every random number comes from the generator that is passed in.
Source: flip and colour gain (each channel times a factor in [0.8, 1.3], saturated) as in the paper's released training
script; the random scale and crop are ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as T

from pixelnet_edu.checks import check_image


@dataclass(frozen=True)
class Augment:
    """Random flip, scale, crop and colour gain of a sample.

    Parameters
    ----------
    crop : (int, int), optional
        Height and width of the result in pixels. None keeps the size and the scale.
    scale : (float, float)
        Range of the random enlargement of the part that is cut out; the part never exceeds the photograph.
    flip : float
        Probability of a mirror image.
    gain : (float, float)
        Range of the factor of each colour channel.

    Examples
    --------
    >>> sample = {"image": torch.rand(3, 8, 8), "labels": torch.arange(64).view(8, 8)}
    >>> Augment(crop=(4, 6))(sample, torch.Generator().manual_seed(0))["labels"].shape
    torch.Size([4, 6])
    """

    crop: tuple[int, int] | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.5
    gain: tuple[float, float] = (0.8, 1.3)

    def __call__(self, sample: dict, generator: torch.Generator) -> dict:
        """Return the transformed sample: the image, and every map of its size.

        TypeError or ValueError for an image that is not RGB in [0, 1].
        """
        check_image("image", sample["image"])
        size = sample["image"].shape[-2:]
        sample = {key: v for key, v in sample.items() if isinstance(v, Tensor) and v.shape[-2:] == size}
        if _random(generator) < self.flip:
            sample = mirror(sample)
        if self.crop is not None:
            sample = self._scale_and_crop(sample, generator)
        low, high = self.gain
        factors = torch.rand(3, 1, 1, generator=generator) * (high - low) + low
        return sample | {"image": (sample["image"] * factors).clamp(0, 1)}

    def _scale_and_crop(self, sample: dict, generator: torch.Generator) -> dict:
        """Cut a window of random size and place, resized to ``crop``: both steps at once."""
        H, W = sample["image"].shape[-2:]
        factor = self.scale[0] + (self.scale[1] - self.scale[0]) * _random(generator)
        h, w = min(round(self.crop[0] / factor), H), min(round(self.crop[1] / factor), W)
        top, left = int(_random(generator) * (H - h + 1)), int(_random(generator) * (W - w + 1))
        window = {key: value[..., top : top + h, left : left + w] for key, value in sample.items()}
        return resize(window, self.crop)


def mirror(sample: dict) -> dict:
    """Mirror a sample left to right; the x component of normals changes its sign."""
    flipped = {key: T.horizontal_flip(value) for key, value in sample.items()}
    if "normals" in flipped:
        flipped["normals"] = flipped["normals"] * torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1)
    return flipped


def resize(sample: dict, size: tuple[int, int]) -> dict:
    """Resize a sample to (height, width): the image bilinearly with antialiasing, targets by nearest neighbour."""
    if tuple(sample["image"].shape[-2:]) == tuple(size):
        return sample
    return {key: _resize(key, value, size) for key, value in sample.items()}


def _resize(key: str, value: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize one entry of a sample."""
    if key == "image":
        return T.resize(value, list(size), antialias=True)
    planes = value if value.dim() == 3 else value[None]
    return T.resize(planes, list(size), InterpolationMode.NEAREST_EXACT).view(*value.shape[:-2], *size)


def _random(generator: torch.Generator) -> float:
    """Draw one number in [0, 1)."""
    return float(torch.rand(1, generator=generator))

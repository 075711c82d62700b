"""Backbones: VGG-16 with convolutional fc6 and fc7, and a narrow network of the same shape.

A backbone is a row of stages; the output of each is one level of the hypercolumn, read after the ReLU. Every stage
but the first begins with a 2x2 pool, so its stride doubles, and its first cell moves to ``(stride - 1) / 2``.
Source: PixelNet (arXiv 1702.06506) and its released networks: conv1_2, conv2_2, conv3_3, conv4_3, conv5_3 and fc7, with
fc6 a 7x7 convolution padded by 3; Simonyan and Zisserman, ICLR 2015, for VGG-16.

Shapes: B images, H x W pixels; level l has C_l channels and floor(H / stride_l) x floor(W / stride_l) cells.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pixelnet_edu.checks import unexpected
from pixelnet_edu.model.geometry import Level
from pixelnet_edu.model.interfaces import Levelled

CONVS_PER_STAGE = (2, 2, 3, 3, 3)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HED_MEAN, HED_STD = (122.67892 / 255, 116.66877 / 255, 104.00699 / 255), (1 / 255, 1 / 255, 1 / 255)
HED_FILE = "vgg16_hed.safetensors"
_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # places of the convolutions in torchvision's network


class Backbone(nn.Module):
    """Stages in a row, each one's output a level of ``levels``; ``hypercolumn_channels`` of all levels together."""

    mean: Tensor
    std: Tensor

    def __init__(self, stages: Sequence[nn.Module], channels: Sequence[int], names: Sequence[str]) -> None:
        super().__init__()
        self.stages, self.hypercolumn_channels = nn.ModuleList(stages), sum(channels)
        named = enumerate(zip(channels, names, strict=True))
        self.levels = tuple(Level(c, 2**k, (2**k - 1) / 2, name) for k, (c, name) in named)
        self.set_normalization(IMAGENET_MEAN, IMAGENET_STD)

    def set_normalization(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set the mean and standard deviation of RGB in [0, 1] that the network's weights expect."""
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of each level, (B, C_l, h_l, w_l), for images (B, 3, H, W) in [0, 1]; else ValueError."""
        coarsest = self.levels[-1].stride
        if images.dim() != 4 or images.shape[1] != 3 or min(images.shape[-2:]) < coarsest:
            expected = f"(B, 3, H, W) with H and W of at least {coarsest}, a cell of the coarsest level"
            raise ValueError(f"images: found shape {tuple(images.shape)}, expected {expected}; enlarge smaller images")
        features = [(images - self.mean) / self.std]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features[1:]


class VGG16(Backbone):
    """The paper's backbone: the 13 convolutions of VGG-16, then fc6 and fc7 as convolutions.

    Parameters
    ----------
    weights : None, "imagenet" or "hed"
        None: random (He initialisation). "imagenet": torchvision's. "hed": convolutions trained for edges on BSDS500;
        they have no fc6 and fc7. ``data_scripts/weights.py`` fetches both; FileNotFoundError where they are missing.
    batch_norm : bool
        Batch normalisation after every convolution, without learned scale and shift as in the released networks; for
        training from scratch: weights that are given have none.
    fc : bool
        Whether fc6 (7x7, padded by 3) and fc7 (1x1) follow, adding the level fc7 of stride 32.

    Examples
    --------
    >>> scratch = VGG16(batch_norm=True, fc=False)
    >>> scratch.hypercolumn_channels, sum(p.numel() for p in scratch.parameters())
    (1472, 14714688)
    """

    def __init__(self, weights: str | None = None, batch_norm: bool = False, fc: bool = True) -> None:
        if weights not in (None, "imagenet", "hed"):
            raise ValueError(f"weights: found {weights!r}, expected None, 'imagenet' or 'hed'")
        if weights and (batch_norm or (fc and weights == "hed")):
            option, lacks = ("batch_norm", "batch normalisation") if batch_norm else ("fc", "fc6 and fc7")
            raise ValueError(f"weights: {weights!r} has no {lacks}; expected {option}=False")
        widths, names = (64, 128, 256, 512, 512), [f"conv{k}_{n}" for k, n in enumerate(CONVS_PER_STAGE, 1)]
        stages = _conv_stages(widths, CONVS_PER_STAGE, batch_norm, affine=False)
        if fc:
            fc6 = _conv(512, 4096, batch_norm, affine=False, kernel=7)
            fc7 = _conv(4096, 4096, batch_norm, affine=False, kernel=1)
            stages.append(nn.Sequential(nn.MaxPool2d(2), *fc6, *fc7))
            widths, names = (*widths, 4096), [*names, "fc7"]
        super().__init__(stages, widths, names)
        if weights == "hed":
            self.set_normalization(HED_MEAN, HED_STD)
        if weights:
            self._copy_convolutions(_weights_of(weights, fc))

    @torch.no_grad()
    def _copy_convolutions(self, source: Sequence[Tensor]) -> None:
        """Fill the convolutions in order from weight, bias, weight, bias, ...; reshapes fully connected ones."""
        targets = [t for m in self.modules() if isinstance(m, nn.Conv2d) for t in m.parameters()]
        for target, tensor in zip(targets, source, strict=False):
            if target.numel() != tensor.numel():
                shapes = f"shape {tuple(tensor.shape)}", f"{tuple(target.shape)}"
                raise unexpected("weights", *shapes, "fetch them again")
            target.copy_(tensor.view_as(target))


class SmallVGG(Backbone):
    """The same shape, narrow, with batch normalisation: for laptops, chapters and tests.

    ``widths`` are the channels of each stage, each of ``convs`` 3x3 convolutions.

    Examples
    --------
    >>> [level.stride for level in SmallVGG().levels]
    [1, 2, 4, 8, 16]
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96, 128), convs: int = 2) -> None:
        stages = _conv_stages(widths, [convs] * len(widths), batch_norm=True, affine=True)
        super().__init__(stages, widths, [f"conv{k}_{convs}" for k in range(1, len(widths) + 1)])


class NormalizedLevels(nn.Module):
    """A backbone whose levels are batch-normalised before they are read; its main path stays as it is.

    A linear predictor sees levels whose sizes differ by orders of magnitude; this brings them to one. Source: the
    released linear networks, without learned scale and shift; theirs normalise before the ReLU, ours after it.
    """

    def __init__(self, backbone: Levelled) -> None:
        super().__init__()
        self.backbone, self.levels = backbone, backbone.levels
        self.hypercolumn_channels = backbone.hypercolumn_channels
        self.norms = nn.ModuleList(nn.BatchNorm2d(level.channels, affine=False) for level in backbone.levels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the normalised features of each level, (B, C_l, h_l, w_l), for images (B, 3, H, W) in [0, 1]."""
        return [norm(level) for norm, level in zip(self.norms, self.backbone(images), strict=True)]


def weights_folder() -> Path:
    """Return the folder of converted weights: ``$PIXELNET_WEIGHTS`` or ``~/.cache/pixelnet_edu``."""
    try:
        return Path(os.environ.get("PIXELNET_WEIGHTS", "~/.cache/pixelnet_edu")).expanduser()
    except RuntimeError as error:
        raise ValueError(f"PIXELNET_WEIGHTS: missing, and found no home folder ({error}); set it") from error


def weights_file(source: str) -> Path:
    """Return where weights lie, whose source is a name that ``data_scripts/weights.py`` knows."""
    return weights_folder() / (HED_FILE if source == "hed" else f"{source.replace(':', '-')}.safetensors")


def read_weights(source: str) -> dict[str, Tensor]:
    """Read fetched weights by name.

    Raises
    ------
    FileNotFoundError
        If they are missing, with the command that fetches them.
    ValueError
        If the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path, command = weights_file(source), f"`python data_scripts/weights.py {source}`"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; {command} fetches these weights")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise unexpected(path, f"a damaged file ({error})", "weights", f"delete it, then {command}") from error


def _weights_of(name: str, fc: bool) -> list[Tensor]:
    """Return weight, bias, weight, bias, ... of "hed", or of torchvision's network for "imagenet"."""
    source = "hed" if name == "hed" else "torchvision:vgg16"
    classifier = [f"classifier.{k}" for k in (0, 3)] if fc else []
    places = range(13) if name == "hed" else [f"features.{k}" for k in _FEATURES] + classifier
    tensors = read_weights(source)
    try:
        return [tensors[f"{place}.{part}"] for place in places for part in ("weight", "bias")]
    except KeyError as error:
        cure = f"delete it, then `python data_scripts/weights.py {source}`"
        raise unexpected(weights_file(source), f"no tensor {error}", "the weights of VGG-16", cure) from error


def _conv_stages(widths: Sequence[int], convs: Sequence[int], batch_norm: bool, affine: bool) -> list[nn.Module]:
    """Build the convolutional stages; all but the first begin with a 2x2 max pool, which drops an odd row or column."""
    stages = []
    for k, (width, count) in enumerate(zip(widths, convs, strict=True)):
        inputs = [widths[k - 1] if k else 3] + [width] * (count - 1)
        layers = [layer for channels in inputs for layer in _conv(channels, width, batch_norm, affine)]
        stages.append(nn.Sequential(*([nn.MaxPool2d(2)] if k else []), *layers))
    return stages


def _conv(in_channels: int, out_channels: int, batch_norm: bool, affine: bool, kernel: int = 3) -> list[nn.Module]:
    """Build a padded convolution, optional batch normalisation, and the ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.get_parameter("bias"))
    norm = [nn.BatchNorm2d(out_channels, affine=affine)] if batch_norm else []
    return [conv, *norm, nn.ReLU(inplace=True)]

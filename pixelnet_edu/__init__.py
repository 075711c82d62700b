"""pixelnet_edu: representation of the pixels, by the pixels, and for the pixels, as a small package.

The data flows one way: data -> sampling -> model (backbone -> hypercolumns -> head) -> task -> training.
Names load on first use, so ``import pixelnet_edu`` takes no time.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
VOID = 255  # the label of a pixel without one, in every map of labels, strata and edges

_HOME = {
    "model.geometry": "Level neighbours pixel_grid",
    "model.backbones": "VGG16 SmallVGG",
    "pretrained": "TimmBackbone TorchvisionBackbone",
    "model.hypercolumns": "sample_hypercolumns dense_hypercolumns",
    "model.heads": "LinearHead MLPHead",
    "model.pixelnet": "PixelNet",
    "sampling": "UniformSampler StratifiedSampler BalancedSampler PatchSampler HardPixelSampler allocate "
    "color_strata spatial_strata horvitz_thompson_mean",
    "tasks": "SemanticSegmentation SurfaceNormals EdgeDetection",
    "metrics": "segmentation_scores normal_scores boundary_scores",
    "data": "RoomScenes PascalVOC PascalContext CamVid NYUDepthV2 BSDS500 normals_from_depth",
    "training": "TrainingConfig evaluate fit seed_everything",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'pixelnet_edu' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(set(globals()) | set(__all__))

"""What a network asks of the parts that it is given: of a backbone, and, for adaptive prediction, of a task.

Shapes: B images, K outputs a pixel, H x W pixels; level l has C_l channels and h_l x w_l cells.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from pixelnet_edu.model.geometry import Level


class Levelled(Protocol):
    """A backbone: a module that returns the feature map of each of its levels."""

    @property
    def levels(self) -> Sequence[Level]:
        """Where the cells of each map lie."""
        ...

    @property
    def hypercolumn_channels(self) -> int:
        """The channels of all levels together."""
        ...

    def __call__(self, images: Tensor, /) -> Sequence[Tensor]:
        """Return the features of each level, (B, C_l, h_l, w_l), for images (B, 3, H, W)."""
        ...


class Judge(Protocol):
    """What adaptive prediction asks of a task; `pixelnet_edu.tasks.Task` has it."""

    spacing: int

    def answers(self, outputs: Tensor) -> Tensor:
        """Return what outputs (B, K, ...) stand for where answers are compared."""
        ...

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell between which answers not to interpolate, (B, ...) bool."""
        ...

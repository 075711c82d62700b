"""Which images a step sees, and with which random numbers: a pure function of the seed and the step.

So a run that was stopped continues as if it had never been, and several processes share out the draws of one.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from pixelnet_edu.tasks import Task, target_of
from pixelnet_edu.training.distributed import own_rows, processes

CROPS = 20  # tries until a crop has enough valid pixels


class Samples(Dataset):
    """Serves (image, target, seed) for a pair (index, seed), augmented with that seed.

    A crop with fewer than ``points`` valid pixels is cut again elsewhere, a few times.
    """

    def __init__(self, dataset: Dataset, augment: Callable | None, task: Task, points: int) -> None:
        self.dataset, self.augment, self.task, self.points = dataset, augment, task, points

    def __getitem__(self, pair: tuple[int, int]) -> tuple[Tensor, Tensor, int]:
        """Read and augment one image.

        Raises
        ------
        ValueError
            If every crop has too few valid pixels.
        """
        index, seed = pair
        original = self.dataset[index]
        generator = torch.Generator().manual_seed(seed)
        for _ in range(CROPS if self.augment else 1):
            sample = self.augment(original, generator) if self.augment else original
            target = target_of(sample, self.task)
            valid = int(self.task.valid(target[None]).sum())
            if valid >= self.points:
                return sample["image"], target, seed
        raise ValueError(
            f"{original.get('name', f'sample {index}')}: found {valid} pixels with a target, expected at least "
            f"{self.points}, the points drawn from an image; lower points_per_image, or leave the sample out"
        )


class Batches(Sampler):
    """Yields the batches of the steps ``start`` to ``steps``; each epoch is a permutation of its own.

    Of several processes that share each batch out, each gets its own rows.

    Raises
    ------
    ValueError
        If a batch has fewer images than there are processes.

    Examples
    --------
    >>> [[index for index, seed in batch] for batch in Batches(length=4, size=2, steps=2, start=0, seed=0)]
    [[3, 2], [0, 1]]
    """

    def __init__(self, length: int, size: int, steps: int, start: int, seed: int) -> None:
        if size < (number := processes().num_processes):
            raise ValueError(
                f"images_per_step: found {size} for {number} processes, expected at least one for each; launch fewer"
            )
        self.length, self.size, self.steps, self.start, self.seed = length, size, steps, start, seed

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.start, self.steps):
            places = own_rows(range(step * self.size, (step + 1) * self.size))
            yield [(self._index(k), mix(self.seed, k)) for k in places]

    def _index(self, k: int) -> int:
        """Return the image that is the ``k``-th to be shown."""
        epoch, place = divmod(k, self.length)
        generator = torch.Generator().manual_seed(mix(self.seed, -1 - epoch))
        return int(torch.randperm(self.length, generator=generator)[place])


def mix(seed: int, k: int) -> int:
    """Turn a seed and a counter into a seed of their own (a multiplicative hash modulo 2^63)."""
    return (seed * 0x9E3779B97F4A7C15 + k * 0xD1B54A32D192ED03 + 0x2545F4914F6CDD1D) % (1 << 63)

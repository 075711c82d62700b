"""Which images a step sees, and with which random numbers: a pure function of the seed and the step.

So a run that was stopped continues as if it had never been, and worker processes change nothing.
"""

import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from pixelnet_edu.checks import check_image, unexpected
from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.tasks import Task, target_of

CROPS = 20  # tries until a crop has enough valid pixels
OTHERS = 50  # images tried when one has too few of them


class TooVoidError(ValueError):
    """An image has fewer valid pixels than are to be drawn."""


class Samples(Dataset):
    """Serves (image, target) for a pair (index, seed), augmented with that seed.

    A crop with fewer than ``points`` valid pixels is cut again elsewhere, a few times; then the next image of the data
    set takes the place of this one, and a warning says so.
    """

    def __init__(self, dataset: SampleSet, augment: Callable | None, task: Task, points: int) -> None:
        if not len(dataset):
            raise ValueError("dataset: found no samples, expected at least one to train on")
        self.dataset, self.augment, self.task, self.points = dataset, augment, task, points

    def __getitem__(self, pair: tuple[int, int]) -> tuple[Tensor, Tensor] | Exception:
        """Read and augment one image; what is wrong with it is returned, since workers would raise a traceback."""
        index, seed = pair
        too_void = []
        for other in range(index, index + min(OTHERS, len(self.dataset))):
            try:
                found = self._read(other % len(self.dataset), seed)
            except TooVoidError as error:
                too_void.append(error)
            except (OSError, ValueError, TypeError) as error:
                return error
            else:
                for error in too_void:
                    warnings.warn(f"{error}; the next image takes its place", stacklevel=1)
                return found
        return too_void[0]

    def _read(self, index: int, seed: int) -> tuple[Tensor, Tensor]:
        """Read and augment one image; ValueError if every crop has too few valid pixels."""
        original, name = self.dataset[index], self.task.target
        where = original.get("name", f"sample {index}")
        check_image(f"{where}, image", original["image"])
        sample = {"image": original["image"], name: target_of(original, self.task)}
        generator = torch.Generator().manual_seed(seed)
        for _ in range(CROPS if self.augment else 1):
            cut = self.augment(sample, generator) if self.augment else sample
            valid = int(self.task.valid(cut[name][None]).sum())
            if valid >= self.points:
                return cut["image"], cut[name]
        expected = f"at least {self.points}, the points drawn from an image"
        raise TooVoidError(f"{where}: found {valid} pixels with a target, expected {expected}; lower points_per_image")


def collate(samples: list) -> list[Tensor] | Exception:
    """Make a batch of samples, or return the first thing that is wrong with one."""
    wrong = next((sample for sample in samples if isinstance(sample, Exception)), None)
    sizes = {tuple(sample[0].shape) for sample in samples} if wrong is None else set()
    if len(sizes) > 1:
        cure = "cut them, such as with augment=Augment(crop=(height, width))"
        return unexpected("images", f"shapes {sorted(sizes)} in one batch", "one shape", cure)
    return wrong or default_collate(samples)


def loader(samples: Samples, batches: Sampler, workers: int) -> DataLoader:
    """Serve batches of samples, read by so many processes, without a look at the global generators."""
    return DataLoader(
        samples, batch_sampler=batches, collate_fn=collate, num_workers=workers, generator=torch.Generator()
    )


class Batches(Sampler):
    """Lists the batches ``start`` to ``stop`` of (index, seed) pairs; each epoch is a permutation of its own.

    Examples
    --------
    >>> [[index for index, seed in batch] for batch in Batches(length=4, size=2, start=0, stop=2, seed=0)]
    [[3, 2], [0, 1]]
    """

    def __init__(self, length: int, size: int, start: int, stop: int, seed: int) -> None:
        self.length, self.size, self.start, self.stop, self.seed = length, size, start, stop, seed

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for first in range(self.start * self.size, self.stop * self.size, self.size):
            yield [(self._index(k), mix(self.seed, k)) for k in range(first, first + self.size)]

    def _index(self, k: int) -> int:
        """Return the image that is the ``k``-th to be shown."""
        epoch, place = divmod(k, self.length)
        generator = torch.Generator().manual_seed(mix(self.seed, -1 - epoch))
        return int(torch.randperm(self.length, generator=generator)[place])


def mix(seed: int, k: int) -> int:
    """Turn a seed and a counter into a seed of their own (a multiplicative hash modulo 2^63)."""
    return (seed * 0x9E3779B97F4A7C15 + k * 0xD1B54A32D192ED03 + 0x2545F4914F6CDD1D) % (1 << 63)

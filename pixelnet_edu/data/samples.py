"""What a data set is to whoever trains or scores: samples by number, and how many there are."""

from typing import Protocol


class SampleSet(Protocol):
    """Samples are dictionaries with ``image`` and targets; every loader is such a set, and torch's `Subset` of one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> dict: ...

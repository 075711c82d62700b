"""What the loaders of photographs share: finding, fetching and requiring the files of a split, and reading a sample.

Shapes: H x W pixels.
"""

from pathlib import Path

from torch.utils.data import Dataset

from pixelnet_edu.checks import check_name
from pixelnet_edu.data.download.fetching import fetch
from pixelnet_edu.data.reading import read_photo, require


class PhotoDataset(Dataset):
    """Photographs, each with a file of targets; a loader says where the files are and how the targets are read.

    Its ``_find_files()`` lists the photographs of the split, and for each the file of its targets, whether they exist
    or not; its ``_read_targets(path, size)`` reads the targets of a photograph of (height, width), by name.

    Parameters
    ----------
    root : path
        Folder of the data set.
    split : str
        Which part, one of ``splits``.
    download : bool
        Fetch what is missing.
    strict : bool
        Whether a missing file is an error at once, or only when its sample is read.

    Raises
    ------
    ValueError
        For an unknown split.
    FileNotFoundError
        If the folder or, where it is strict, a file is missing.
    """

    source: str
    splits: tuple[str, ...] = ("train", "val", "test")

    def __init__(self, root: str | Path, split: str = "train", download: bool = False, strict: bool = True) -> None:
        check_name("split", split, self.splits)
        self.root, self.split = Path(root), split
        if download:
            self._download()
        self._open(strict)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict:
        """Read one sample."""
        image = read_photo(self.photos[index], turn=False)
        targets = self._read_targets(self.label_files[index], tuple(image.shape[-2:]))
        return {"image": image} | targets | {"name": self.names[index]}

    def _download(self) -> None:
        """Fetch what is missing."""
        fetch(self.source, self.root)

    def _open(self, strict: bool) -> None:
        """Find the files of the split."""
        self.photos, self.label_files = self._find_files()
        self.names = [photo.stem for photo in self.photos]
        if strict:
            require(self.photos, "the photograph of each name in the list")
            require(self.label_files, "the labels of each photograph; data_scripts or download=True fetch them")

"""CamVid: road scenes from a driving car, 11 classes, in the layout of the SegNet tutorial.

Source: Brostow et al., Pattern Recognition Letters 2009; the 367/101/233 split and the 11 classes as used by SegNet.

Layout: ``root/train/NAME.png`` (or .jpg) with ``root/trainannot/NAME.png``, and likewise ``val`` and ``test``; label
images hold 0 to 10, and 11 for void.
"""

from pathlib import Path

import torch

from pixelnet_edu.data.photographs import PhotoDataset
from pixelnet_edu.data.reading import list_photos, read_labels

CLASSES = "sky building pole road pavement tree sign fence car pedestrian bicyclist"
COLORS = "9ecaeb 967364 f0e442 605878 cca0c4 2e7d50 e69f00 8c963c 0060b2 d53c28 fa96be"


class CamVid(PhotoDataset):
    """Road scenes with a class at every pixel.

    Parameters
    ----------
    root : path
        Folder that holds ``train``, ``trainannot``, ``test`` and ``testannot``.
    split : "train", "val" or "test"
        Which part.
    download : bool
        Fetch what is missing.
    strict : bool
        Whether a missing file is an error at once, or only when its sample is read.

    Returns
    -------
    dict
        ``image`` (3, H, W) RGB in [0, 1]; ``labels`` (H, W) int64, 0 to 10 and 255 for void; ``name``.

    Raises
    ------
    ValueError
        For an unknown or empty split; when a sample is read: for a broken file, labels of another size than their
        photograph, or a class out of range.
    FileNotFoundError
        If the folder or a label image is missing.
    """

    classes = tuple(CLASSES.split())
    num_classes = len(classes)
    palette = torch.tensor([list(bytes.fromhex(color)) for color in COLORS.split()], dtype=torch.uint8)
    source = "camvid"

    def _find_files(self) -> tuple[list[Path], list[Path]]:
        """List the photographs of the split's folder, and the label images of the other."""
        labels = self.root / f"{self.split}annot"
        photos = list_photos(self.root / self.split, f"CamVid with {self.split}/ and {labels.name}/ in it")
        return photos, [labels / f"{photo.stem}.png" for photo in photos]

    def _read_targets(self, path: Path, size: tuple[int, int]) -> dict:
        """Read a label image, in which the number of classes is void."""
        return {"labels": read_labels(path, size, self.num_classes, void=self.num_classes)}

"""BSDS500: photographs whose object boundaries were drawn by about five people each.

Source: Arbelaez et al., TPAMI 2011. People disagree, so a single target for training has to be chosen; the score keeps
every annotator.

Layout: ``root/images/SPLIT/NAME.jpg`` with ``root/groundTruth/SPLIT/NAME.mat``, as in ``BSR/BSDS500/data`` of the
official archive.

Shapes: A annotators, H x W pixels.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_name, unexpected
from pixelnet_edu.data.matlab import read_mat
from pixelnet_edu.data.photographs import PhotoDataset
from pixelnet_edu.data.reading import check_size, list_photos

CONSENSUS = ("agreed", "majority", "any")


class BSDS500(PhotoDataset):
    """Photographs with the boundary maps of every annotator.

    Parameters
    ----------
    root : path
        Folder that holds ``images`` and ``groundTruth``.
    split : "train", "val" or "test"
        Which part.
    consensus : "agreed", "majority" or "any"
        Which pixels are edges to train on: "any", marked by at least one annotator; "majority", by at least half of
        them; "agreed", as majority, and pixels that only a minority marked are void.
    download : bool
        Fetch what is missing from the official servers.
    strict : bool
        Whether a missing file is an error at once, or only when its sample is read.

    Returns
    -------
    dict
        ``image`` (3, H, W) RGB in [0, 1]; ``edges`` (H, W) int64, 0, 1 and 255 for void; ``annotations`` (A, H, W)
        bool; ``name``.

    Raises
    ------
    ValueError
        For an unknown or empty split, or an unknown consensus; when a sample is read: for a broken file, or a boundary
        map of another size than its photograph.
    FileNotFoundError
        If the folder or a boundary file is missing.
    """

    source = "bsds500"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        consensus: str = "agreed",
        download: bool = False,
        strict: bool = True,
    ) -> None:
        check_name("consensus", consensus, CONSENSUS)
        self.consensus = consensus
        super().__init__(root, split, download, strict)

    def _find_files(self) -> tuple[list[Path], list[Path]]:
        """List the photographs of the split's folder, and their boundaries."""
        expected = "BSDS500 with images/ and groundTruth/ in it; data_scripts/bsds500.py makes it"
        photos = list_photos(self.root / "images" / self.split, expected)
        return photos, [self.root / "groundTruth" / self.split / f"{photo.stem}.mat" for photo in photos]

    def _read_targets(self, path: Path, size: tuple[int, int]) -> dict:
        """Read the boundaries of all annotators, and merge them."""
        annotations = read_annotations(path, size)
        return {"edges": consensus_edges(annotations, self.consensus), "annotations": annotations}


def read_annotations(path: Path, size: tuple[int, int]) -> Tensor:
    """Read the boundary maps of all annotators, (A, H, W) bool.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no ground truth of BSDS500, or the maps have another size (height, width) than expected.
    """
    cells = read_mat(path, "groundTruth")
    if cells.dtype != object or not cells.size or any("Boundaries" not in (c.dtype.names or ()) for c in cells.flat):
        raise unexpected(path, "no 'Boundaries' in its groundTruth", "one boundary map an annotator")
    maps = [np.asarray(cell["Boundaries"][0, 0]) for cell in cells.flat]
    for boundaries in maps:
        check_size(path, "boundaries", boundaries, size)
        if not np.isin(boundaries, (0, 1)).all():
            raise unexpected(path, "boundaries with other values than 0 and 1", "a boundary map")
    return torch.from_numpy(np.stack(maps) > 0)


def consensus_edges(annotations: Tensor, consensus: str) -> Tensor:
    """Merge boundary maps (A, H, W) into one target (H, W) int64 of 0, 1 and 255 (void).

    Examples
    --------
    >>> votes = torch.tensor([[[1, 1, 0]], [[1, 0, 0]], [[1, 0, 0]]]).bool()
    >>> [consensus_edges(votes, name).tolist() for name in ("any", "majority", "agreed")]
    [[[1, 1, 0]], [[1, 0, 0]], [[1, 255, 0]]]
    """
    votes = annotations.sum(0)
    if consensus == "any":
        return (votes > 0).long()
    edges = (2 * votes >= len(annotations)).long()
    return edges if consensus == "majority" else edges.masked_fill((votes > 0) & (edges == 0), VOID)

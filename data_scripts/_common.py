"""What the scripts of all data sets share: say what will be fetched, fetch it, count it, draw it."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from pixelnet_edu.data.catalog import spread
from pixelnet_edu.data.download.fetching import fetch, free_disk
from pixelnet_edu.data.download.sources import SOURCES, readable_size
from pixelnet_edu.data.reading import write_picture
from pixelnet_edu.training.evaluation import Task, target_of
from pixelnet_edu.training.runs import tile

SIDE = 240  # pixels of a picture on the contact sheet
NUMBER = 6  # samples on it


def get_ready(
    names: Sequence[str],
    dataset: Callable[[Path, str], Dataset],
    splits: Sequence[str],
    task: Task,
    help: str,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run a data set's script: fetch its sources, print how many samples there are, draw some of the first split.

    Parameters
    ----------
    names : sequence of str
        Its sources; the last one is the data set's own.
    dataset : callable
        Opens a split beneath a root.
    splits : sequence of str
        The splits to count.
    task : Task
        Draws the targets.
    help : str
        What ``--help`` says.
    arguments : sequence of str, optional
        Instead of the command line's.
    """
    parser = argparse.ArgumentParser(description=help, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set; made if missing")
    root = parser.parse_args(arguments).root
    with one_line_errors(parser.prog):
        for name in names:
            introduce(name, root)
            fetch(name, root)
        for split in splits:
            official = SOURCES[names[-1]].splits[split]
            print(f"{split}: {len(dataset(root, split))} samples (official: {official})")
        write_picture(root / "contact-sheet.png", contact_sheet(dataset(root, splits[0]), task))
        print(f"wrote {root / 'contact-sheet.png'}")


@contextmanager
def one_line_errors(program: str) -> Iterator[None]:
    """Print an error as one line on stderr and exit with 2, without a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"{program}: stopped; run it again, it goes on where it stopped", file=sys.stderr)
        sys.exit(2)
    except (ValueError, OSError, ImportError) as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def introduce(name: str, root: Path) -> None:
    """Print what a source is, what it asks for and how much disk it takes."""
    source = SOURCES[name]
    print(f"{source.title}\n  licence: {source.licence}\n  cite: {source.citation}")
    print(f"  download: {readable_size(source.size)}, on disk: {readable_size(source.unpacked)}")
    print(f"  free: {readable_size(free_disk(root))}\n  {source.note}")


def contact_sheet(dataset: Dataset, task: Task) -> Tensor:
    """Draw photographs spread over a data set, and their targets below them, (3, H', W')."""
    columns = []
    for sample in spread(dataset, NUMBER):
        colors = task.colors(target_of(sample, task)[None])[0]
        columns.append(tile([fit_square(sample["image"]), fit_square(colors)], dim=1))
    return tile(columns, dim=2)


def fit_square(picture: Tensor) -> Tensor:
    """Bring a picture (3, H, W) to (3, SIDE, SIDE) with its proportions, white around it."""
    scale = SIDE / max(picture.shape[-2:])
    size = [max(1, round(scale * side)) for side in picture.shape[-2:]]
    small = F.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]
    return F.pad(small, (0, SIDE - size[1], 0, SIDE - size[0]), value=1.0)

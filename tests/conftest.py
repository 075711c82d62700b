"""What all tests share: where the real photographs are, and what happens where they are not."""

import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("PIXELNET_DATA") or ROOT.parent / "shared" / "data").absolute()
REQUIRED = os.environ.get("PIXELNET_REQUIRE_DATA") == "1"

collect_ignore_glob = ["*conftest.py"]  # of examples in docstrings: several files have this name
settings.register_profile("fuzz", max_examples=1_000_000, deadline=None)
settings.register_profile("usual", deadline=None)  # machines here are of all kinds
settings.load_profile("usual")
torch.set_num_threads(1)  # small tensors: threads cost more than they give, more so with several test workers
sys.path[:0] = [str(ROOT / "book" / "_tools"), str(ROOT / "book" / "_ext"), str(ROOT / "tests")]


def pytest_collection_modifyitems(items):
    """Skip the tests on real photographs where there are none, unless the run insists on them."""
    if DATA.is_dir() or REQUIRED:
        return
    skip = pytest.mark.skip(reason=f"no real photographs in {DATA}: set PIXELNET_DATA to the folder that has them")
    for item in items:
        if item.get_closest_marker("real_data"):
            item.add_marker(skip)


def pytest_runtest_setup(item):
    """Fail a test on real photographs where they are required and missing."""
    if REQUIRED and not DATA.is_dir() and item.get_closest_marker("real_data"):
        pytest.fail(f"PIXELNET_REQUIRE_DATA=1, but found no folder {DATA}: set PIXELNET_DATA", pytrace=False)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of the real photographs: camvid, voc2012_small, nyuv2_small, bsds500."""
    return DATA

"""The command in this process."""

import sys

import pytest

from pixelnet_edu import cli


def call(*arguments):
    """Run the command in this process; return its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pixelnet", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code or 0
    return 0

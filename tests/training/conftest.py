"""What the tests of training share."""

import pytest
from accelerate.state import AcceleratorState


@pytest.fixture(autouse=True)
def full_precision():
    """Forget the precision that a run of an earlier test chose for this process."""
    AcceleratorState._reset_state()

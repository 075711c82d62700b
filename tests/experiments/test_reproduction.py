"""The tables of the reproduction report, from records that no run made."""

from dataclasses import replace

import pytest
from made_up import record, table1

from pixelnet_edu.experiments.records import VARIABLE, write_record
from pixelnet_edu.experiments.reproduction import claims_table, cost_table


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Return a function that writes records where they are read from."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    def write(records, setting="segmentation-rooms-laptop"):
        for one in records:
            write_record(tmp_path / one.experiment / setting / f"{one.arm}-seed{one.seed}.json", one)

    return write


def test_a_claim_has_its_verdict_and_the_seeds_that_would_tell(keep):
    keep(table1((0.30, 0.42, 0.54), (0.41, 0.42, 0.45)))
    (line,) = claims_table("table1").lines
    claim, setting, verdict, gain, interval, covers, needed = line
    assert claim.startswith("a random 4 %")
    assert (setting, verdict, covers) == ("segmentation, rooms", "can't tell", "3 seeds")
    assert gain == "-0.7 mIoU (per cent)"
    assert interval == "-29.3 to +28.0"
    assert int(needed) > 3
    assert claims_table("table4").lines == []


def test_blind_runs_tell_nothing_however_many(keep):
    keep([record(arm, s, 0.05, iou=(0.7, 0.0)) for arm in ("uniform-4", "all-pixels") for s in range(3)])
    assert claims_table("table1").lines[0][-1] == "none would"


def test_cost_counts_the_tuning_too(keep):
    counted = [replace(one, made={"step_macs": 10**12}) for one in table1()]
    keep(counted)
    sought = [replace(counted[0], arm=f"all-pixels@{rate}", seed=100) for rate in (0.1, 0.3, 0.9)]
    keep(sought, "segmentation-rooms-laptop-tuning")
    (line,) = cost_table(["table1", "table4"]).lines
    assert line[:4] == ["table1, segmentation, rooms", "6", "3", "3 to 3"]
    assert line[4] == f"{9 * 600 * 10**12 / 1e15:,.0f}"
    assert float(line[5]) == pytest.approx(9 * 6000 / 3600, abs=0.05)

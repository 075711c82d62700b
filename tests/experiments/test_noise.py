"""The noise of gradients: of made-up ones, of more images a step, and by the command."""

import json
import sys
from functools import partial

import pytest
import torch

from pixelnet_edu import cli
from pixelnet_edu.experiments import experiment
from pixelnet_edu.experiments.studies import noise
from pixelnet_edu.training.recipes import build_model


@pytest.fixture
def arms(tiny):
    return {arm.name: arm for arm in experiment("table4").arms(tiny(held_out=True))}


def test_variance_and_signal_of_made_up_gradients(arms, rooms, monkeypatch):
    generator = torch.Generator().manual_seed(0)

    def made_up(accelerator, net, *_):
        for weight in net.parameters():
            weight.grad = 0.5 + 3 * torch.randn(weight.shape, generator=generator)

    monkeypatch.setattr(noise, "mean_loss_backward", made_up)
    net = build_model(arms["1x2000"].recipe)
    number = sum(weight.numel() for weight in net.parameters())
    found = noise.noise_of(net, arms["1x2000"], rooms, draws=200)
    assert found["variance"] == pytest.approx(9 * number, rel=0.02)
    assert found["signal"] == pytest.approx(0.25 * number, rel=0.1)


def test_more_images_a_step_are_less_noise_and_the_network_stays_as_it_is(arms, rooms):
    net = build_model(arms["5x2000"].recipe)
    before = [value.clone() for value in net.state_dict().values()]
    one, five = (noise.noise_of(net, arms[name], rooms, draws=40)["variance"] for name in ("1x2000", "5x2000"))
    assert 2.5 < one / five < 10
    assert all(torch.equal(a, b) for a, b in zip(before, net.state_dict().values(), strict=True))


def test_noisier_arms_are_foretold_smaller_rates_and_lower_scores():
    at = {"five": 4.0, "one": 24.0, "ten": 2.0}
    record = {"noise": {arm: [{"variance": v, "signal": 1.0}] * 2 for arm, v in at.items()}, "reference": "five"}
    record |= {"steps": dict.fromkeys(at, 600), "rate": 0.3, "curve": {"100": 0.2, "600": 0.5, "2400": 0.7}}
    found = noise.foretell(record)
    assert found["five"] == pytest.approx((0.3, 0.5))
    assert found["one"][0] < 0.3 < found["ten"][0]
    assert found["one"][1] < 0.5 < found["ten"][1]
    longer = noise.foretell(record | {"steps": {"five": 600, "one": 3000, "ten": 600}})
    assert longer["one"][1] == pytest.approx(0.5)  # five times the noise, five times the steps


def test_the_command_writes_a_record(tiny, rooms, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(noise, "base_recipe", lambda task, data, *_: tiny(task, data=data))
    monkeypatch.setattr(noise, "noise_of", partial(noise.noise_of, draws=3))
    monkeypatch.setattr(noise, "LENGTHS", (0.5, 1))
    out = tmp_path / "noise.json"
    arguments = ["pixelnet", "study", "noise", "--data", "rooms", "--root", rooms, "--out", out]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert "5x2000 " in capsys.readouterr().out
    record = json.loads(out.read_text())
    assert record["setting"] == "segmentation-rooms-laptop"
    assert set(record["noise"]) == {arm.name for arm in experiment("table4").arms(tiny())}
    assert list(record["curve"]) == ["3", "6"]


def test_photographs_need_a_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["pixelnet", "study", "noise", "--data", "voc", "--out", str(tmp_path / "x")])
    with pytest.raises(SystemExit):
        cli.main()
    assert "root: missing, expected the folder of voc" in capsys.readouterr().err

"""HED as a linear head on hypercolumns, and people against people."""

import pytest
import torch
from safetensors.torch import save_file

from pixelnet_edu.experiments.baselines import hed, human_scores
from pixelnet_edu.model.backbones import HED_FILE


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Write random weights of HED's shape."""
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path))
    generator, tensors, channels = torch.Generator().manual_seed(0), {}, 3
    for k, width in enumerate((64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)):
        tensors[f"{k}.weight"] = 0.05 * torch.randn(width, channels, 3, 3, generator=generator)
        tensors[f"{k}.bias"] = torch.zeros(width)
        channels = width
    head = {"head.weight": torch.randn(1, 1472, generator=generator), "head.bias": torch.tensor([0.25])}
    save_file(tensors | head, tmp_path / HED_FILE)
    return tmp_path / HED_FILE, tensors, head


def test_hed_adds_the_maps_of_its_five_stages(weights):
    """The fused output is the sum of five linear maps, each enlarged bilinearly."""
    _, _, head = weights
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    net = hed()
    features = net.backbone(image)
    parts = head["head.weight"][0].split([f.shape[1] for f in features])
    fused = head["head.bias"].clone()
    for feature, weight in zip(features, parts, strict=True):
        side = torch.einsum("c,bchw->bhw", weight, feature)[:, None]
        fused = fused + torch.nn.functional.interpolate(side, (32, 48), mode="bilinear")  # align_corners=False
    torch.testing.assert_close(net.predict(image), fused, rtol=1e-3, atol=1e-2)
    assert not net.training


def test_weights_without_a_head_are_refused(weights):
    path, tensors, _ = weights
    save_file(tensors, path)
    with pytest.raises(ValueError, match=r"found no head\.weight, expected one"):
        hed()


def test_people_against_people():
    """Two agree, the third drew another line: 2 of 3 lines are right, and half or none of the others' are found."""
    same, other = torch.zeros(40, 60, dtype=torch.bool), torch.zeros(40, 60, dtype=torch.bool)
    same[:, 10], other[:, 40] = True, True
    scores = human_scores([{"annotations": torch.stack([same, same, other])}])
    assert scores["precision"] == [pytest.approx(2 / 3)]
    assert scores["recall"] == [pytest.approx(2 / 6)]
    with pytest.raises(ValueError, match="annotations: found 1 in a sample, expected at least 2"):
        human_scores([{"edges": same.long()}])

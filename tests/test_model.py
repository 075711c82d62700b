"""The networks of the paper, and PixelNet's two calls."""

import pytest
import torch

from pixelnet_edu import VGG16, LinearHead, MLPHead, PixelNet, SmallVGG
from pixelnet_edu.geometry import pixel_grid


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def vgg16():
    with torch.device("meta"):  # shapes without numbers: 134 million parameters cost nothing
        return VGG16()


@pytest.mark.parametrize(("outputs", "expected"), [(21, 173_938_517), (3, 173_864_771), (1, 173_856_577)])
def test_parameters_of_the_mlp_networks(vgg16, outputs, expected):
    with torch.device("meta"):
        assert parameters(PixelNet(vgg16, MLPHead(vgg16.hypercolumn_channels, outputs))) == expected


def test_parameters_of_the_linear_networks(vgg16):
    assert parameters(PixelNet(vgg16, LinearHead(5568, 21))) == 134_377_493
    assert parameters(PixelNet(VGG16(batch_norm=True, fc=False), LinearHead(1472, 21))) == 14_745_621


def test_levels_of_the_paper(vgg16):
    assert [level.name for level in vgg16.levels] == ["conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "fc7"]
    assert [level.channels for level in vgg16.levels] == [64, 128, 256, 512, 512, 4096]
    assert [level.stride for level in vgg16.levels] == [1, 2, 4, 8, 16, 32]
    assert [level.offset for level in vgg16.levels] == [0, 0.5, 1.5, 3.5, 7.5, 15.5]
    features = vgg16(torch.rand(1, 3, 64, 97, device="meta"))
    assert [tuple(f.shape[-2:]) for f in features] == [(64, 97), (32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]


def test_features_are_read_after_the_relu():
    with torch.no_grad():
        assert all(float(f.min()) == 0 for f in VGG16(batch_norm=True, fc=False)(torch.rand(1, 3, 64, 64)))


def test_vgg16_is_torchvisions(vgg16):
    from torchvision.models import vgg16 as torchvision_vgg16

    other = torchvision_vgg16(weights=None, init_weights=False).eval()
    ours = VGG16(fc=False).eval()
    ours._copy_convolutions(list(other.state_dict().values()))
    images = torch.rand(1, 3, 64, 64)
    expected = other.features[:30]((images - ours.mean) / ours.std)
    torch.testing.assert_close(ours(images)[-1], expected)


def small_net(outputs=5):
    torch.manual_seed(0)
    backbone = SmallVGG((4, 6, 8, 8, 8))
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, outputs, hidden=(16,)))


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (50, 31)])
def test_predict_equals_forward_at_every_pixel(size):
    net = small_net().eval()
    images = torch.rand(2, 3, *size)
    with torch.no_grad():
        sparse = net(images, pixel_grid(*size).expand(2, -1, -1))
    expected = sparse.transpose(1, 2).reshape(2, 5, *size)
    torch.testing.assert_close(net.predict(images, max_points=100), expected, atol=1e-5, rtol=1e-5)


def test_predict_keeps_the_mode():
    net = small_net().train()
    net.backbone.eval()  # frozen
    net.predict(torch.rand(1, 3, 16, 16))
    assert net.training
    assert not net.backbone.training


def test_smallvgg_is_small():
    net = PixelNet(SmallVGG(), MLPHead(SmallVGG().hypercolumn_channels, 11, hidden=(128,)))
    assert 1e5 < parameters(net) < 1e6


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="head: found in_channels=7, expected 34"):
        PixelNet(SmallVGG((4, 6, 8, 8, 8)), LinearHead(7, 2))
    with pytest.raises(ValueError, match=r"images: found shape \(1, 3, 15, 40\).*at least 16"):
        small_net()(torch.rand(1, 3, 15, 40), torch.zeros(1, 1, 2))
    with pytest.raises(ValueError, match="points: point 0 of image 0"):
        small_net()(torch.rand(1, 3, 20, 40), torch.tensor([[[0.0, 30.0]]]))
    with pytest.raises(ValueError, match="mode: found 'fast'"):
        small_net().predict(torch.rand(1, 3, 20, 40), mode="fast")


def test_weights_errors_name_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"data_scripts/weights.py hed"):
        VGG16("hed", fc=False)
    with pytest.raises(ValueError, match="weights: found 'coco'"):
        VGG16("coco")
    with pytest.raises(ValueError, match="expected fc=False"):
        VGG16("hed")


def test_import_is_light():
    import subprocess
    import sys

    heavy = ("torchvision", "matplotlib", "accelerate", "typer", "anywidget")
    code = f"import pixelnet_edu, sys; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

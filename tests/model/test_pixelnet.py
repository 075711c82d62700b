"""The networks of the paper, and PixelNet's two calls."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pixelnet_edu import VGG16, LinearHead, MLPHead, PixelNet, SmallVGG, dense_hypercolumns, sample_hypercolumns
from pixelnet_edu.model.backbones import weights_file
from pixelnet_edu.model.fast import Dropout


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


def test_imagenet_weights_are_read_in_torchvisions_order(tmp_path, monkeypatch):
    """Names sort as text, where features.10 comes before features.2."""
    from torchvision.models import vgg16 as torchvision_vgg16

    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"missing; `python data_scripts/weights.py torchvision:vgg16` fetches"):
        VGG16("imagenet", fc=False)
    source = torchvision_vgg16(weights=None, init_weights=False).features.state_dict()
    save_file({f"features.{name}": tensor for name, tensor in source.items()}, weights_file("torchvision:vgg16"))
    tensors = [t for m in VGG16("imagenet", fc=False).modules() if isinstance(m, nn.Conv2d) for t in m.parameters()]
    assert all(ours.equal(theirs) for ours, theirs in zip(tensors, source.values(), strict=True))


def small_net(outputs=5):
    torch.manual_seed(0)
    backbone = SmallVGG((4, 6, 8, 8, 8))
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, outputs, hidden=(16,)))


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (50, 31)])
@pytest.mark.parametrize("max_points", [1, 100, 8192])
def test_predict_equals_the_head_on_dense_hypercolumns(size, max_points):
    net, images = small_net().eval(), torch.rand(2, 3, *size)
    with torch.no_grad():
        volume = dense_hypercolumns(net.backbone(images), net.backbone.levels, size)
        expected = net.head(volume.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(net.predict(images, max_points=max_points), expected, atol=1e-5, rtol=1e-5)


def test_predict_holds_few_activations_at_a_time():
    net, rows = small_net(), []
    net.head.layers[-1].register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    net.predict(torch.rand(1, 3, 33, 47), max_points=100)
    assert rows == [94] * 16 + [47]


BACKBONES = {
    "VGG16": lambda: meta(VGG16),
    "VGG16 without fc": lambda: meta(lambda: VGG16(batch_norm=True, fc=False)),
    "SmallVGG": SmallVGG,
}


def meta(build):
    """Build a network without numbers: what is tested are its levels."""
    with torch.device("meta"):
        return build()


def plain(net, features, points):
    """The definition: hypercolumns, then the head."""
    return net.head(sample_hypercolumns(features, points, net.backbone.levels))


def random_features(net, size, dtype=torch.float32):
    """Draw non-negative features of two images of a size, as the backbone would lay them out."""
    levels = net.backbone.levels
    maps = [torch.rand(2, v.channels, size[0] // v.stride, size[1] // v.stride, dtype=dtype) for v in levels]
    return [f.to(memory_format=torch.channels_last).requires_grad_() for f in maps]


def with_gradients(net, read, features, points):
    """Return outputs (B, N, K), then the gradients of the maps and of the head's weights."""
    outputs = read(features, points)
    loss = outputs.float().square().mean()
    return [outputs.detach(), *torch.autograd.grad(loss, [*features, *net.head.parameters()])]


def distance(found, expected):
    """Return the norm of the difference in shares of the norm."""
    return float((found.float() - expected.float()).norm() / expected.float().norm())


def head_of(name, channels):
    torch.manual_seed(0)
    return LinearHead(channels, 5) if name == "linear" else MLPHead(channels, 5, hidden=(48, 24), dropout=0)


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize(("size", "num_points"), [((67, 97), 300), ((33, 70), 9)])
def test_read_equals_hypercolumns_then_head(name, head, size, num_points):
    backbone = BACKBONES[name]()
    net = PixelNet(backbone, head_of(head, backbone.hypercolumn_channels))
    features = random_features(net, size)
    points = torch.rand(2, num_points, 2) * torch.tensor([size[1] - 1, size[0] - 1])
    found = with_gradients(net, net.read, features, points)
    expected = with_gradients(net, lambda f, p: plain(net, f, p), features, points)
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=1e-5)
    assert max(distance(*pair) for pair in zip(found, expected, strict=True)) < 1e-4


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_bfloat16_is_as_near_to_float32_as_on_the_plain_path(head):
    """bfloat16 resolves 0.4 %; where it turns a ReLU on or off, gradients differ by some per cent on any path."""
    torch.manual_seed(0)
    net = PixelNet(SmallVGG(), head_of(head, 336))
    features, points = random_features(net, (67, 97)), torch.rand(2, 300, 2) * 66
    exact = with_gradients(net, net.read, features, points)
    with torch.autocast("cpu", torch.bfloat16):
        found = with_gradients(net, net.read, features, points)
        peer = with_gradients(net, lambda f, p: plain(net, f, p), features, points)
    assert found[0].dtype == torch.bfloat16
    assert distance(found[0], exact[0]) < 0.02
    errors, peer_errors = ([distance(*pair) for pair in zip(side, exact, strict=True)] for side in (found, peer))
    assert max(errors) < 0.06
    assert all(e < 1.5 * p + 0.003 for e, p in zip(errors, peer_errors, strict=True))


def test_bfloat16_from_image_to_prediction():
    net, images = small_net().eval(), torch.rand(2, 3, 33, 47)
    expected = net.predict(images)
    with torch.autocast("cpu", torch.bfloat16):
        found = net.predict(images)
        net(images, torch.rand(2, 20, 2) * 32).float().square().sum().backward()
    assert distance(found, expected) < 0.05
    assert all(p.grad.isfinite().all() for p in net.parameters())


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
    with pytest.raises(ValueError, match="task: missing"):
        small_net().predict(torch.rand(1, 3, 20, 40), mode="adaptive")


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


def test_backward_copies_no_slices():
    """A view that a ReLU overwrites would cost a copy of all hidden activations, and autograd would say CopySlices."""
    net, images = small_net(), torch.rand(2, 3, 33, 47)
    output = net(images, torch.rand(2, 400, 2) * 32)
    names, nodes = set(), [output.grad_fn]
    while nodes:
        node = nodes.pop()
        names.add(node.name())
        nodes += [parent for parent, _ in node.next_functions if parent is not None]
    assert "CopySlices" not in names
    assert any("_WeightedSum" in name for name in names)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_drops_a_share_and_keeps_the_mean(p):
    torch.manual_seed(0)
    activations = torch.rand(2000, 501, requires_grad=True)
    dropped = Dropout(p)(activations)
    kept = dropped != 0
    assert abs(float((~kept).float().mean()) - p) < 4 * (p * (1 - p) / kept.numel()) ** 0.5
    torch.testing.assert_close(dropped, activations * kept / (1 - p), atol=1e-4, rtol=1e-4)
    (gradient,) = torch.autograd.grad(dropped.sum(), activations)
    torch.testing.assert_close(gradient, kept / (1 - p), atol=1e-4, rtol=1e-4)
    neighbours = (kept[:, 1:] & kept[:, :-1]).float().mean()
    assert abs(float(neighbours) - (1 - p) ** 2) < 0.005  # masks of neighbours know nothing of each other


def test_dropout_is_torchs_in_evaluation_and_at_its_ends():
    ones = torch.ones(9, 9)
    assert Dropout(0.5).eval()(ones).equal(ones)
    assert Dropout(0.0)(ones).equal(ones)
    assert not Dropout(1.0)(ones).any()

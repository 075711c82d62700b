"""Normals from depth against planes of known normal, a loop of least-squares fits, and the exact normals of rooms."""

import numpy as np
import pytest
import torch

from pixelnet_edu import RoomScenes, normals_from_depth

MAX_ROUGHNESS = 0.1

INTRINSICS = torch.tensor([70.0, 75.0, 23.3, 14.8])


def rays(height, width, intrinsics=INTRINSICS):
    fx, fy, cx, cy = intrinsics.double()
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([(x - cx) / fx, (y - cy) / fy, torch.ones(height, width)])


def plane(normal, distance=2.0, size=(30, 48)):
    """Depth of the plane with this unit normal at this distance in metres, (H, W) float64."""
    return -distance / (torch.tensor(normal, dtype=torch.float64)[:, None, None] * rays(*size)).sum(0)


def tilted(azimuth, tilt):
    azimuth, tilt = np.deg2rad([azimuth, tilt])
    return [np.cos(azimuth) * np.sin(tilt), np.sin(azimuth) * np.sin(tilt), -np.cos(tilt)]


def degrees(one, other):
    """Angle between unit vectors (3, ...)."""
    return torch.rad2deg(2 * torch.asin(((one - other).norm(dim=0) / 2).clamp(max=1)))


def is_valid(normals):
    return normals.square().sum(-3) > 0.5


@pytest.mark.parametrize("tilt", [0, 20, 50, 65])
@pytest.mark.parametrize("azimuth", [0, 90, 215])
@pytest.mark.parametrize("window", [3, 5, 9])
def test_planes_at_any_tilt(azimuth, tilt, window):
    normal = torch.tensor(tilted(azimuth, tilt))
    normals = normals_from_depth(plane(normal.tolist()).float(), INTRINSICS, window)
    r = window // 2
    inside = torch.zeros(30, 48, dtype=torch.bool)
    inside[r:-r, r:-r] = True
    assert normals.dtype == torch.float32
    assert is_valid(normals).equal(inside)
    assert (normals[:, ~inside] == 0).all()
    assert degrees(normals[:, inside].double(), normal[:, None]).max() < 0.01


@pytest.mark.parametrize("factor", [0.01, 20.0])
def test_scale_does_not_matter(factor):
    depth = RoomScenes((40, 56), num_scenes=1, seed=1)[0]["depth"].double()
    one, other = (normals_from_depth(depth * s, INTRINSICS) for s in (1, factor))
    assert is_valid(one).any()
    assert not is_valid(one).all()
    torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def fit_by_hand(depth, intrinsics, window):
    """One least-squares problem a pixel; the same rule for what is flat, in its own words."""
    H, W = depth.shape
    fx, r = float(intrinsics[0]), window // 2
    directions = rays(H, W, intrinsics).numpy()
    normals = np.zeros((3, H, W))
    for y in range(r, H - r):
        for x in range(r, W - r):
            part = np.s_[y - r : y + r + 1, x - r : x + r + 1]
            z = depth[part].ravel().numpy()
            if not (np.isfinite(z) & (z > 0)).all():
                continue
            design = directions[:, part[0], part[1]].reshape(3, -1).T
            plane, *_ = np.linalg.lstsq(design, 1 / z, rcond=None)
            relative = np.sqrt(np.mean((design @ plane - 1 / z) ** 2)) / np.mean(1 / z)
            if relative <= MAX_ROUGHNESS * window / fx:
                normals[:, y, x] = -plane / np.linalg.norm(plane)
    return torch.from_numpy(normals)


@pytest.mark.parametrize("window", [3, 7])
def test_equals_a_loop_of_least_squares(window):
    generator = torch.Generator().manual_seed(0)
    sample = RoomScenes((28, 36), num_scenes=3, seed=2)[2]
    depth = sample["depth"].double() * (1 + 0.003 * torch.randn(28, 36, generator=generator, dtype=torch.float64))
    depth[4, 6], depth[20, 30], depth[10, 10], depth[25, 3] = 0, torch.nan, torch.inf, -1
    normals = normals_from_depth(depth, sample["intrinsics"], window)
    assert 0.1 < is_valid(normals).float().mean() < 0.9
    torch.testing.assert_close(normals, fit_by_hand(depth, sample["intrinsics"], window), atol=1e-8, rtol=0)


@pytest.mark.parametrize("hole", [0.0, -1.0, torch.nan, torch.inf, -torch.inf])
def test_a_hole_takes_every_window_that_it_lies_in(hole):
    depth = plane(tilted(30, 40))
    depth[12, 20] = hole
    expected = torch.zeros(30, 48, dtype=torch.bool)
    expected[2:-2, 2:-2] = True
    expected[10:15, 18:23] = False
    assert is_valid(normals_from_depth(depth, INTRINSICS)).equal(expected)


@pytest.mark.parametrize("step", [1.05, 1.5, 0.6])
def test_depth_edges_are_invalid_and_the_rest_is_exact(step):
    depth = plane([0.0, 0.0, -1.0])
    depth[:, 25:] *= step
    normals = normals_from_depth(depth, INTRINSICS)
    valid = is_valid(normals)
    assert not valid[:, 23:27].any()
    assert valid[2:-2, 2:23].all()
    assert valid[2:-2, 27:-2].all()
    assert (normals[2, valid] < -0.9999).all()


def test_nothing_valid_is_no_error():
    assert (normals_from_depth(torch.zeros(9, 12), INTRINSICS) == 0).all()


def test_a_batch_and_its_images_agree():
    samples = [RoomScenes((32, 40), num_scenes=4, seed=6)[k] for k in range(3)]
    depth, intrinsics = (torch.stack([s[key] for s in samples]) for key in ("depth", "intrinsics"))
    intrinsics = intrinsics * torch.tensor([[1.0], [1.1], [0.9]])
    together = normals_from_depth(depth, intrinsics)
    assert together.shape == (3, 3, 32, 40)
    for k in range(3):
        assert together[k].equal(normals_from_depth(depth[k], intrinsics[k]))
    assert normals_from_depth(depth, intrinsics[1])[2].equal(normals_from_depth(depth[2], intrinsics[1]))


@pytest.mark.parametrize(("window", "share"), [(5, 0.65), (9, 0.45)])
def test_rooms(window, share):
    errors, shares = [], []
    for sample in RoomScenes(96, num_scenes=12, seed=7):
        normals = normals_from_depth(sample["depth"], sample["intrinsics"], window)
        valid = is_valid(normals)
        errors.append(degrees(normals, sample["normals"])[valid])
        shares.append(float(valid.float().mean()))
    errors = torch.cat(errors)
    assert errors.median() < 0.05
    assert errors.mean() < 1.0
    assert sum(shares) / len(shares) > share


def test_the_garage_has_a_floor():
    data = pytest.importorskip("skimage.data")
    _, _, disparity = data.stereo_motorcycle()
    depth = torch.from_numpy(994.978 * 0.193001 / (disparity.astype(np.float64) + 31.086))
    depth[~torch.from_numpy(np.isfinite(disparity))] = 0
    normals = normals_from_depth(depth, torch.tensor([994.978, 994.978, 311.193, 254.877]), 9)
    floor = normals[:, 400:470, 40:100]
    assert is_valid(floor).float().mean() > 0.9
    up = floor[:, is_valid(floor)].mean(1)
    assert up[1] < -0.9
    assert degrees(floor[:, is_valid(floor)], up[:, None] / up.norm()).median() < 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.full((9, 9), 2500.0), INTRINSICS), ValueError, "median of 2500, expected metres, .* by 1000"),
        ((torch.ones(9, 9, dtype=torch.int32), INTRINSICS), TypeError, r"found torch.int32, expected a floating"),
        ((np.ones((9, 9)), INTRINSICS), TypeError, "depth: found ndarray"),
        ((torch.ones(2, 3, 9, 9), INTRINSICS), ValueError, r"depth: found shape \(2, 3, 9, 9\), expected \(H, W\)"),
        ((torch.ones(9, 9), torch.eye(3)), ValueError, r"intrinsics: found shape \(3, 3\), expected \(4,\)"),
        ((torch.ones(2, 9, 9), torch.ones(3, 4)), ValueError, r"found shape \(3, 4\), expected \(4,\) or \(2, 4\)"),
        ((torch.ones(9, 9), torch.tensor([0.0, 1, 1, 1])), ValueError, "with fx and fy above 0"),
        ((torch.ones(9, 9), INTRINSICS, 4), ValueError, "window: found 4, expected an odd number"),
        ((torch.ones(9, 9), INTRINSICS, 11), ValueError, "the smaller side of the image, 9 pixels"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        normals_from_depth(*arguments)

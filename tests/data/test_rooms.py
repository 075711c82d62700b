import pickle
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pixelnet_edu.data.rooms import scenes as rooms
from pixelnet_edu.data.rooms.layouts import random_layout
from pixelnet_edu.data.rooms.raycast import boundaries, intersect
from pixelnet_edu.data.rooms.render import render
from pixelnet_edu.data.rooms.scenes import RoomScenes
from pixelnet_edu.data.rooms.tables import stack_layouts

FLOOR, CEILING, WALL, BOX, CYLINDER, BALL, PICTURE = range(7)


@pytest.fixture(scope="module")
def samples():
    return list(RoomScenes(64, num_scenes=200, seed=11))


def assert_equal_samples(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value == other[name] if name == "name" else torch.equal(value, other[name]), name


def angles(a, b):
    """Degrees between unit vectors (3, ...)."""
    return torch.rad2deg(2 * torch.asin(((a - b).norm(dim=0) / 2).clamp(max=1)))


def test_sample_has_the_documented_form():
    sample = RoomScenes((40, 56), num_scenes=20)[17]
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in sample.items() if name != "name"}
    assert sample["name"] == "room-000017"
    assert shapes == {
        "image": ((3, 40, 56), torch.float32),
        "labels": ((40, 56), torch.int64),
        "normals": ((3, 40, 56), torch.float32),
        "edges": ((40, 56), torch.int64),
        "depth": ((40, 56), torch.float32),
        "intrinsics": ((4,), torch.float32),
    }
    assert len(RoomScenes.classes) == RoomScenes.num_classes == 7
    assert (RoomScenes.palette.shape, RoomScenes.palette.dtype) == ((7, 3), np.uint8)
    assert RoomScenes.palette[[FLOOR, PICTURE]].tolist() == [[221, 204, 119], [238, 119, 51]]


def test_values_are_in_range(samples):
    images = torch.stack([sample["image"] for sample in samples])
    assert images.min() >= 0
    assert images.max() <= 1
    assert torch.equal((images * 255).round() / 255, images)
    assert set(torch.stack([sample["labels"] for sample in samples]).unique().tolist()) == set(range(7))
    assert set(torch.stack([sample["edges"] for sample in samples]).unique().tolist()) == {0, 1}
    assert all(sample["depth"].min() > 0.1 and sample["depth"].max() < 12 for sample in samples)


def test_a_scene_depends_on_nothing_but_seed_and_index():
    first, second = RoomScenes(32, num_scenes=5, seed=4), RoomScenes(32, num_scenes=900, seed=4)
    backwards = {i: second[i] for i in reversed(range(5))}
    for i in range(5):
        assert_equal_samples(first[i], backwards[i])
    assert not torch.equal(first[0]["image"], first[1]["image"])
    assert not torch.equal(first[0]["image"], RoomScenes(32, seed=5)[0]["image"])


def test_scenes_rendered_together_equal_scenes_rendered_alone():
    scenes = RoomScenes((48, 40), num_scenes=80, seed=2)
    indices = [*range(60, 30, -1), *range(30)]
    for i, sample in zip(indices, scenes.__getitems__(indices), strict=True):
        assert_equal_samples(sample, scenes[i])


def test_samples_are_rounded_as_little_as_documented():
    scenes = RoomScenes((40, 56), num_scenes=3, seed=12)
    for i in range(3):
        exact, sample = render([scenes.layout(i)], (40, 56)), scenes[i]
        for name in ("labels", "edges", "intrinsics"):
            assert torch.equal(exact[name][0], sample[name])
        torch.testing.assert_close(exact["image"][0], sample["image"], atol=0.501 / 255, rtol=0)
        torch.testing.assert_close(exact["depth"][0], sample["depth"], atol=0.000125, rtol=0)
        assert angles(exact["normals"][0], sample["normals"]).max() < 0.01


def test_normals_are_unit_vectors_that_face_the_camera(samples):
    for sample in samples[:40]:
        torch.testing.assert_close(sample["normals"].norm(dim=0), torch.ones(64, 64), atol=1e-5, rtol=0)
        towards_surface = (sample["normals"] * back_project(sample)).sum(0)
        assert (towards_surface < 1e-3).all()


def back_project(sample):
    """The point (3, H, W) in the camera frame that each pixel shows."""
    fx, fy, cx, cy = sample["intrinsics"]
    y, x = torch.meshgrid(*(torch.arange(n) for n in sample["depth"].shape), indexing="ij")
    return torch.stack([(x - cx) / fx, (y - cy) / fy, torch.ones_like(sample["depth"])]) * sample["depth"]


def test_normals_agree_with_finite_differences_of_depth():
    errors = {label: [] for label in range(7)}
    for i in range(12):
        sample = {name: value[0] for name, value in render([random_layout(6, i)], (160, 160)).items()}
        points = back_project(sample)
        across, down = points[:, 1:-1, 2:] - points[:, 1:-1, :-2], points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
        found = torch.nn.functional.normalize(torch.linalg.cross(down, across, dim=0), dim=0)
        edges = sample["edges"].bool()
        near_edge = torch.nn.functional.max_pool2d(edges[None].float(), 3, stride=1)[0].bool()
        degrees = angles(found, sample["normals"][:, 1:-1, 1:-1])
        for label, kept in errors.items():
            kept.append(degrees[~near_edge & (sample["labels"][1:-1, 1:-1] == label)])
    for label, kept in errors.items():
        share, limit = (0.9, 2.0) if label in (BALL, CYLINDER) else (0.99, 0.3)
        assert torch.cat(kept).quantile(share) < limit, RoomScenes.classes[label]


def test_rare_classes_are_rare(samples):
    counts = torch.stack([torch.bincount(sample["labels"].flatten(), minlength=7) for sample in samples]).sum(0)
    share = (100 * counts / counts.sum()).tolist()
    assert 0.4 < share[BALL] < 1.1
    assert 1.5 < share[CYLINDER] < 3.5
    assert 1.5 < share[PICTURE] < 3.5
    assert 7 < share[BOX] < 13
    assert min(share[FLOOR], share[CEILING], share[WALL]) > 10


def test_normals_suit_their_classes():
    for i in range(30):
        layout = random_layout(8, i)
        scene = {name: value[0] for name, value in render([layout], (64, 64)).items()}
        up = torch.from_numpy(layout.camera_rotation) @ torch.tensor([0.0, 1.0, 0.0])
        cosine = torch.einsum("chw,c->hw", scene["normals"], up)
        for label, expected in ((FLOOR, 1), (CEILING, -1), (WALL, 0), (PICTURE, 0)):
            pixels = cosine[scene["labels"] == label]
            torch.testing.assert_close(pixels, torch.full_like(pixels, expected), atol=1e-5, rtol=0)
        upright = cosine[scene["labels"] == BOX]
        assert torch.minimum(upright.abs(), (upright.abs() - 1).abs()).max() < 1e-5


def test_a_picture_changes_the_class_but_not_the_normal(samples):
    jumps = []
    for sample in samples[:60]:
        labels, normals = sample["labels"], sample["normals"]
        beside = (labels[:, :-1] == WALL) & (labels[:, 1:] == PICTURE)
        jumps.append(angles(normals[:, :, :-1][:, beside], normals[:, :, 1:][:, beside]))
    assert (torch.cat(jumps) < 0.01).float().mean() > 0.95


def test_edges_equal_a_loop_over_pixels():
    surface = torch.randint(0, 3, (2, 7, 9), generator=torch.Generator().manual_seed(0))
    edges = boundaries(surface)
    for b in range(2):
        for y in range(7):
            for x in range(9):
                right = x < 8 and surface[b, y, x] != surface[b, y, x + 1]
                below = y < 6 and surface[b, y, x] != surface[b, y + 1, x]
                assert edges[b, y, x] == int(right or below)


def test_class_changes_and_creases_are_edges(samples):
    for sample in samples[:40]:
        for turned in (False, True):
            labels, edges, normals = (sample[name] for name in ("labels", "edges", "normals"))
            if turned:
                labels, edges, normals = labels.T, edges.T, normals.mT
            changes = labels[:, 1:] != labels[:, :-1]
            flat = (labels != CYLINDER) & (labels != BALL)
            creases = (angles(normals[:, :, 1:], normals[:, :, :-1]) > 85) & flat[:, 1:] & flat[:, :-1]
            assert edges[:, :-1][changes | creases].all()
    assert 0.05 < np.mean([sample["edges"].float().mean() for sample in samples]) < 0.15


def marched(kind, row, points):
    """Which points (..., 3) lie inside an object."""
    centre, half, (cos, sin) = row[:3], row[3:6], row[6:8]
    x, y, z = np.moveaxis(points - centre, -1, 0)
    u, v, w = np.abs([cos * x + sin * z, y, cos * z - sin * x]) / half[:, None, None]
    if kind == "boxes":
        return np.maximum(np.maximum(u, v), w) < 1
    return np.hypot(np.hypot(u, w), v) < 1 if kind == "balls" else np.maximum(np.hypot(u, w), v) < 1


def by_height(name, layout):
    """Objects as (kind, row) in the order of the tables that rays are intersected with."""
    kinds = {"boxes": ("boxes",), "rounds": ("cylinders", "balls")}[name]
    objects = [(kind, row) for kind in kinds for row in getattr(layout, kind)]
    return sorted(objects, key=lambda item: -(item[1][1] + item[1][4]))


def test_intersections_equal_marching_along_rays():
    generator, distances = torch.Generator().manual_seed(3), np.arange(0.01, 9, 0.005)
    for i in range(3):
        layout = random_layout(9, i)
        scene = stack_layouts([layout])
        objects = by_height("boxes", layout) + by_height("rounds", layout)
        for origin in (scene.camera_position, scene.lamp_position):
            targets = [
                row[:3] + row[3:6] * (torch.rand(9, 3, generator=generator).numpy() * 2 - 1) for _, row in objects
            ]
            directions = torch.from_numpy(np.concatenate(targets)).T - origin[0, :, None]
            directions = directions / directions.norm(dim=0)
            points = origin[0].numpy() + distances[:, None] * directions.T.numpy()[:, None]
            near, far = (values[0].numpy() for values in intersect(scene.boxes, scene.rounds, origin, directions[None]))
            for n, (kind, row) in enumerate(objects):
                inside = marched(kind, row, points)
                hit = near[n] < far[n]
                clear = hit & (far[n] - near[n] > 0.011)
                assert not (inside.any(1) & ~hit).any()
                assert not (clear & ~inside.any(1)).any()
                assert np.abs(near[n] - distances[inside.argmax(1)])[clear].max(initial=0) < 0.006
                assert np.abs(far[n] - distances[::-1][inside[:, ::-1].argmax(1)])[clear].max(initial=0) < 0.006


def test_a_ray_along_a_face_of_a_turned_box_has_numbers():
    boxes = torch.tensor([[0.0, 0, 0, 1, 1, 1, 0.5, 0.5]])[..., None]  # the two products of a ray x = z cancel exactly
    rounds = torch.tensor([[9.0, 0, 9, 1, 1, 0]])[..., None]
    directions = torch.tensor([[1.0, 0.1, 1.0], [1.0, 0.1, -1.0]]).T[None]
    for height, met in ((0.0, True), (3.0, False)):
        near, far = intersect(boxes, rounds, torch.tensor([[-4.0, height, -4.0]]), directions)
        assert near.isfinite().all()
        assert far.isfinite().all()
        assert (near[0, 0, 0] < far[0, 0, 0]) == met


def test_another_size_shows_the_same_room():
    small, large = RoomScenes(50, seed=1), RoomScenes(150, seed=1)
    for i in range(10):
        one, other = small[i], large[i]
        assert (one["labels"] == other["labels"][1::3, 1::3]).float().mean() > 0.98
        assert (one["depth"] - other["depth"][1::3, 1::3]).abs().median() < 0.01
        pooled = torch.nn.functional.avg_pool2d(other["image"], 3)
        assert (one["image"] - pooled).abs().mean() < 0.03


def test_cached_scenes_equal_rendered_ones(tmp_path):
    plain = RoomScenes((24, 30), num_scenes=7, seed=2)
    cached = RoomScenes((24, 30), num_scenes=7, seed=2, cache_dir=tmp_path / "cache")
    for i in range(7):
        assert_equal_samples(cached[i], plain[i])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [cached.cache_path.name]
    assert_equal_samples(pickle.loads(pickle.dumps(cached))[3], plain[3])


def test_a_cache_is_rendered_once(tmp_path, monkeypatch):
    RoomScenes(16, num_scenes=3, cache_dir=tmp_path)
    monkeypatch.setattr(rooms, "render", None)
    assert RoomScenes(16, num_scenes=3, cache_dir=tmp_path)[2]["name"] == "room-000002"
    with pytest.raises(TypeError):
        RoomScenes(16, num_scenes=3, seed=1, cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other seed", "zeros at the end"])
def test_a_damaged_cache_is_rendered_again(tmp_path, damage):
    scenes = RoomScenes(16, num_scenes=4, cache_dir=tmp_path)
    expected, path = scenes[3], scenes.cache_path
    content = path.read_bytes()
    other = RoomScenes(16, num_scenes=4, seed=5, cache_dir=tmp_path / "other").cache_path.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"not a cache",
        "other seed": other,
        "zeros at the end": content[:-3000] + bytes(3000),
    }
    path.write_bytes(damaged[damage])
    assert_equal_samples(RoomScenes(16, num_scenes=4, cache_dir=tmp_path)[3], expected)


def test_an_interrupted_rendering_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(rooms, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RoomScenes(16, num_scenes=4, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_writers_do_no_harm(tmp_path):
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(RoomScenes(16, num_scenes=10, cache_dir=tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.iterdir())) == 1
    for i in range(10):
        assert_equal_samples(made[0][i], made[1][i])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"size": 4}, ValueError, r"size: found 4, expected at least 8.*"),
        ({"size": (96, 7)}, ValueError, r"size: found 7, expected at least 8.*"),
        ({"size": (32, 32, 3)}, ValueError, r"size: found \(32, 32, 3\), expected one side or \(height, width\); .*"),
        ({"size": 96.0}, TypeError, r"size: found 96\.0, a float, expected a whole number; convert with int\(\)"),
        ({"num_scenes": 0}, ValueError, r"num_scenes: found 0, expected at least 1.*"),
        ({"num_scenes": "10"}, TypeError, r"num_scenes: found '10', a str, expected a whole number; .*"),
        ({"seed": 1.5}, TypeError, r"seed: found 1\.5, a float, expected a whole number; .*"),
        ({"seed": True}, TypeError, r"seed: found True, a bool, expected a whole number; .*"),
        ({"device": "warp"}, ValueError, r"device: found 'warp', expected one that works here \(.*\); give 'cpu'"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=rf"^{words}$") as caught:
        RoomScenes(**arguments)
    assert "\n" not in str(caught.value)


def test_a_cache_damaged_in_its_middle_gives_the_same_scenes(tmp_path):
    scenes = RoomScenes(16, num_scenes=4, cache_dir=tmp_path)
    expected, path = [scenes[k] for k in range(4)], scenes.cache_path
    content = bytearray(path.read_bytes())
    content[len(content) // 2 - 500 : len(content) // 2 + 500] = bytes(1000)
    path.write_bytes(content)
    damaged = RoomScenes(16, num_scenes=4, cache_dir=tmp_path)
    for found, wanted in zip(damaged.__getitems__(range(4)), expected, strict=True):
        assert_equal_samples(found, wanted)


def test_a_cache_that_the_disk_has_no_room_for_is_one_line(tmp_path, monkeypatch):
    """Written through a map of the file, it would end the process."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=5 << 20))
    with pytest.raises(ValueError, match=r"rooms-v.*npy: found room for 5 MB, expected 2[0-9]{2} MB; make room"):
        RoomScenes(96, num_scenes=2000, cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cache_dir_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"^cache_dir: found .*file, expected a folder \(.+\); name another$"):
        RoomScenes(16, num_scenes=2, cache_dir=tmp_path / "file")


@pytest.mark.parametrize("index", [-1, 10])
def test_a_scene_beyond_the_end_is_an_index_error(index):
    with pytest.raises(IndexError, match=rf"^index: found {index}, expected 0 to 9; raise num_scenes$"):
        RoomScenes(16, num_scenes=10)[index]


def test_scenes_that_are_not_kept_have_no_path():
    with pytest.raises(ValueError, match=r"^cache_dir: found none, expected a folder; give one"):
        _ = RoomScenes(16).cache_path

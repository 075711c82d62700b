"""Learning rates are sought on training images that are left out, by seeds that no other record has."""

from dataclasses import replace

import pytest

from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.design import base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, plan_runs
from pixelnet_edu.experiments.records import Record, read_records
from pixelnet_edu.experiments.runner import perform
from pixelnet_edu.experiments.schedule import execute
from pixelnet_edu.experiments.tuning import at_rates, best_rates, rates_text, scores_by_rate, tuned
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import build_data


def test_a_fifth_of_the_training_images_is_held_out(rooms, tiny):
    whole, part = tiny(), vary(tiny(), held_out=True)
    training, scored = (build_data(part, rooms, split) for split in ("train", "test"))
    everything = build_data(whole, rooms, "train")
    assert (len(training), len(scored)) == (1600, 3)  # of the 400 so many as the recipe scores
    assert scored[0]["image"].equal(everything[1600]["image"])
    assert training[1599]["image"].equal(everything[1599]["image"])


def trial(arm, rate, median, seed=100):
    """Return what a tuning leaves of one arm at one rate."""
    recipe = {"task": "normals", "data": "rooms", "training": {"seed": seed}}
    return Record("table1", f"{arm}@{rate}", seed, recipe, [{"step": 6, "scores": {"median": median}}], [], {}, {})


def test_three_rates_then_one_beyond_the_best_end(tiny):
    """A smaller median is better."""
    arms = EXPERIMENTS["table1"].arms(tiny("normals"))[:2]

    def rates_of(*records):
        return [arm.name.partition("@") for arm in at_rates(arms, records)]

    assert [name for name, _, _ in rates_of()] == ["all-pixels"] * 3 + ["uniform-4"] * 3
    assert [arm.recipe.training.learning_rate for arm in at_rates(arms)[:3]] == pytest.approx([0.1, 0.3, 0.9])
    assert all(arm.recipe.held_out for arm in at_rates(arms))
    falling = [trial("uniform-4", 0.1, 9.0), trial("uniform-4", 0.3, 12.0), trial("uniform-4", 0.9, 15.0)]
    assert [rate for name, _, rate in rates_of(*falling) if name == "uniform-4"] == ["0.033", "0.1", "0.3", "0.9"]
    found = [*falling, trial("uniform-4", 0.033, 10.0)]
    assert len(rates_of(*found)) == 3 + 4  # 0.1 is inside; the other arm has no record
    diverged = [trial("uniform-4", 0.1, 9.0), trial("uniform-4", 0.3, 8.0), trial("uniform-4", 0.9, None)]
    assert len(rates_of(*diverged)) == 3 + 3


def test_an_arm_takes_the_best_rate_unless_its_own_is_as_good(tiny):
    few = next(arm for arm in EXPERIMENTS["table1"].arms(tiny("normals")) if arm.name == "uniform-4")

    def rate(*medians):
        records = [trial("uniform-4", r, m) for r, m in zip((0.1, 0.3, 0.9), medians, strict=True)]
        (arm,) = tuned([few], records)
        return arm.recipe.training.learning_rate

    assert tuned([few], [])[0].recipe == few.recipe
    assert rate(9.0, 12.0, 15.0) == 0.1
    assert rate(11.9, 12.0, 15.0) == 0.3  # its own; a tenth of a degree tells nothing
    assert rate(None, 12.0, None) == 0.3
    assert rate(15.0, None, 13.0) == 0.9
    two_seeds = [
        trial("uniform-4", r, m, s) for s, r, m in ((100, 0.1, 9), (101, 0.1, 15), (100, 0.9, 11), (101, 0.9, 11))
    ]
    assert best_rates(two_seeds) == {"uniform-4": 0.9}


def test_a_rate_that_diverges_is_a_result(rooms, tiny, tmp_path):
    base = vary(tiny("normals"), held_out=True, learning_rate=1e18)
    arms = at_rates(choose_arms(EXPERIMENTS["table1"], base, ["uniform-4"]))
    runs = plan_runs(EXPERIMENTS["table1"], base, arms, [100], tmp_path, rooms)
    execute(runs, progress=False)
    records = read_records(runs[0].folder)
    assert all(record.score("median") is None for record in records)
    assert "diverged" in rates_text(records)
    scored = plan_runs(EXPERIMENTS["table1"], vary(base, held_out=False), arms[:1], [0], tmp_path, rooms)[0]
    scored = replace(scored, recipe=vary(scored.recipe, held_out=False))
    with pytest.raises(ValueError, match="lower learning_rate"):
        perform(scored, 1)


def test_the_best_rate_is_found_and_starred(rooms, tiny, tmp_path):
    base = vary(tiny("normals"), held_out=True)
    arms = at_rates(choose_arms(EXPERIMENTS["table1"], base, ["uniform-4"]))[1:3]
    runs = plan_runs(EXPERIMENTS["table1"], base, arms, [100, 101], tmp_path, rooms)
    assert runs[0].folder.name == "normals-rooms-laptop-tuning"
    execute(runs, progress=False)
    records = read_records(runs[0].folder)
    medians = {arm.name: [r.score("median") for r in records if r.arm == arm.name] for arm in arms}
    best = min(medians, key=lambda name: sum(medians[name]))  # the smaller error
    assert best_rates(records) == {"uniform-4": float(best.partition("@")[2])}
    assert rates_text(records).count("*") == 1
    assert f"{best_rates(records)['uniform-4']:g}: {sum(medians[best]) / 2:.1f}*" in rates_text(records)


def test_arms_of_pretraining_have_what_they_say():
    base = base_recipe("segmentation", "voc", "photographs")
    arms = {arm.name: arm.recipe for arm in EXPERIMENTS["pretraining"].arms(base)}
    laptop = preset("segmentation", "voc", "laptop")
    assert (arms["imagenet"].backbone, arms["scratch"].weights) == (base.backbone, "none")
    assert arms["scratch"].training.steps == arms["imagenet"].training.steps
    assert (arms["small"].backbone, arms["small"].training) == ("small-vgg", laptop.training)
    assert (arms["imagenet"].weights, arms["imagenet"].frozen, arms["scratch"].frozen) == ("imagenet", True, False)
    assert arms["imagenet"].sampler == base.sampler
    assert arms["small"].sampler == laptop.sampler


def test_another_backbone_has_a_folder_of_its_own(tmp_path):
    base = base_recipe("segmentation", "voc", "photographs", weights="none", backbone="resnet18")
    runs = plan_runs(EXPERIMENTS["table1"], base, EXPERIMENTS["table1"].arms(base)[:1], [0], tmp_path)
    assert runs[0].folder.name == "segmentation-voc-photographs-resnet18-none"


def test_a_pixel_of_a_class_that_does_not_occur_decides_nothing():
    """Right, true and predicted pixels of three classes, of which the last is in no held-out label."""
    better = made_up("one@0.1", 0.40, [0.8, 0.4, 0.0], "8 4 0 9 6 0 9 8 1")
    worse = made_up("one@0.3", 0.55, [0.7, 0.4, None], "7 4 0 9 6 0 9 8 0")
    assert best_rates([better, worse]) == {"one": 0.1}
    assert scores_by_rate([better, worse])["one"] == pytest.approx({0.1: 0.6, 0.3: 0.55})


def made_up(arm, miou, iou, counts):
    recipe = {"task": "segmentation"}
    reading = {"step": 9, "scores": {"miou": miou, "iou": iou}, "images": [counts]}
    return Record("table1", arm, 100, recipe, [reading], [], {}, {"seconds": [1.0]})

"""Learning rates are sought on training images that are left out, by seeds that no other record has."""

import pytest

from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.design import base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, plan_runs
from pixelnet_edu.experiments.records import read_records
from pixelnet_edu.experiments.schedule import execute
from pixelnet_edu.experiments.tuning import at_rates, best_rates, rates_text
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import build_data


def test_a_fifth_of_the_training_images_is_held_out(rooms, tiny):
    whole, part = tiny(), vary(tiny(), held_out=True)
    training, scored = (build_data(part, rooms, split) for split in ("train", "test"))
    everything = build_data(whole, rooms, "train")
    assert (len(training), len(scored)) == (1600, 3)  # of the 400 so many as the recipe scores
    assert scored[0]["image"].equal(everything[1600]["image"])
    assert training[1599]["image"].equal(everything[1599]["image"])


def test_five_rates_around_an_arms_own(tiny):
    arms = at_rates(EXPERIMENTS["table1"].arms(tiny())[:2])
    assert [arm.name.partition("@")[0] for arm in arms] == ["all-pixels"] * 5 + ["uniform-4"] * 5
    rates = [arm.recipe.training.learning_rate for arm in arms[:5]]
    assert rates == pytest.approx([0.033, 0.1, 0.3, 0.9, 2.7])
    assert all(arm.recipe.held_out for arm in arms)


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

"""Records that no run made, for tests of what is computed from records."""

from pixelnet_edu.experiments.records import Record


def record(arm, seed, *values, experiment="table1", task="segmentation", score="miou", iou=(0.9, None, 0.3), images=()):
    recipe = {
        "task": task,
        "name": "laptop",
        "data": "rooms",
        "training": {"images_per_step": 5, "points_per_image": 367, "steps": 600, "seed": seed},
    }
    steps = [600 * (k + 1) // len(values) for k in range(len(values))]
    scores = [{score: value} | ({"iou": list(iou)} if task == "segmentation" else {}) for value in values]
    readings = [{"step": step, "scores": found} for step, found in zip(steps, scores, strict=True)]
    readings[-1] |= {"images": list(images)}
    return Record(experiment, arm, seed, recipe, readings, [], {}, {"seconds": [10.0 * step for step in steps]})


def table1(few=(0.40, 0.42, 0.44), all_pixels=(0.41, 0.42, 0.46)):
    arms = {"uniform-4": few, "all-pixels": all_pixels}
    return [record(arm, seed, value) for arm, values in arms.items() for seed, value in enumerate(values)]

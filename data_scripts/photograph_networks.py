"""Train the networks that colour a reader's photographs: `python data_scripts/photograph_networks.py TASK --root DIR`.

    segmentation    on the small PASCAL VOC
    normals         on the small NYUv2
    edges           on BSDS500

Segmentation and edges read EfficientNet-Lite0 as ImageNet left it, so a checkpoint holds a predictor only; for normals
it is trained too. All are stored in half precision. The package ships the run folders; `pixelnet predict PHOTO` uses
them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from _common import one_line_errors
from safetensors.torch import load_file, save_file

from pixelnet_edu.experiments.design import vary
from pixelnet_edu.training import runs
from pixelnet_edu.training.checkpoints import MODEL, checkpoints
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import Recipe, build_augment, build_data, build_model, build_sampler, build_task
from pixelnet_edu.training.trainer import fit

NETWORKS = {  # data set, and what its preset is changed in
    "segmentation": ("voc", {}),
    "normals": ("nyud", {}),
    "edges": (
        "bsds500",
        {"frozen": True, "zoom": 1, "fine": 16, "size": (320, 320), "scale": (1.0, 1.5), "points_per_image": 4096}
        | {"steps": 500, "learning_rate": 0.1},
    ),
}


def recipe_of(task: str) -> Recipe:
    """Return the recipe of the network for a task."""
    data, changes = NETWORKS[task]
    return vary(preset(task, data, "photographs"), evaluate_every=0, **changes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the network of a task, score it and write its run folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=NETWORKS)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    options = parser.parse_args(arguments)
    recipe = recipe_of(options.task)
    with one_line_errors(parser.prog):
        training, test = (build_data(recipe, options.root, split) for split in ("train", "test"))
        model, task = build_model(recipe), build_task(recipe)
        runs.create_folder(options.out, recipe, root=None)
        fit(model, task, training, build_sampler(recipe), recipe.training, build_augment(recipe), folder=options.out)
        halve(checkpoints(options.out)[0])
        _, _, model, task = runs.load_run(options.out)
        runs.write_json(options.out / "scores.json", evaluate(model, task, test, progress=True))
    print(f"wrote {options.out}")


def halve(checkpoint: Path) -> None:
    """Store the weights of a checkpoint in half precision, and nothing that only training needs."""
    tensors = load_file(checkpoint / MODEL)
    for path in checkpoint.iterdir():
        path.unlink()
    save_file({k: t.half() if t.is_floating_point() else t for k, t in tensors.items()}, checkpoint / MODEL)


if __name__ == "__main__":
    main()

"""A fourth task is one class: depth is drawn, trained, scored, predicted, recorded and reported by nothing else."""

import pytest
import torch
from torch import Tensor

from pixelnet_edu import RoomScenes, evaluate, fit
from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.design import Arm, Claim, Experiment, base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, plan_runs
from pixelnet_edu.experiments.records import read_records
from pixelnet_edu.experiments.report import report_of
from pixelnet_edu.experiments.schedule import execute
from pixelnet_edu.metrics import Meter, printed
from pixelnet_edu.tasks import TASKS, Task
from pixelnet_edu.training import build_augment, build_model, build_sampler, build_task
from pixelnet_edu.training.photo import predict_photo


class DepthRegression(Task):
    """The logarithm of the distance at every pixel, by squared error; 0 is unknown."""

    target, num_outputs, spacing, class_balanced = "depth", 1, 4, ""
    score, higher_is_better, tolerance = "log_rmse", False, 0.1
    scores = printed("log m", 1, log_rmse="log RMSE") | printed("per cent", 100, within="<25 %")

    def valid(self, targets: Tensor) -> Tensor:
        return targets > 0

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs[..., 0].float() - targets.clamp(min=1e-3).log()).square()

    def decode(self, outputs: Tensor) -> Tensor:
        return outputs[:, 0].float().exp()

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        return (answers / others).log().abs() > 0.1

    def colors(self, targets: Tensor) -> Tensor:
        return (1 / targets.clamp(min=1)).where(self.valid(targets), 0.55)[:, None].expand(-1, 3, -1, -1)

    def meter(self, workers: int = 1) -> Meter:
        errors: list[Tensor] = []

        def update(depth: Tensor, sample: dict) -> None:
            known = self.valid(sample["depth"])
            errors.append((depth[0][known] / sample["depth"][known]).log())

        def scores() -> dict:
            all_errors = torch.cat(errors)
            return {
                "log_rmse": float(all_errors.square().mean().sqrt()),
                "within": float((all_errors.abs() < 0.223).float().mean()),
            }

        return Meter(update, scores)


@pytest.fixture
def depth(monkeypatch):
    """Register the task, and an experiment about it, for one test."""
    monkeypatch.setitem(TASKS, "depth", DepthRegression)
    question = Experiment(
        "depth",
        "Does depth need many pixels?",
        lambda base: [Arm("many", "many", base), Arm("few", "few", vary(base, points_per_image=20))],
        (Claim("few pixels are as good as many", "few", "many", as_good=True),),
        tasks=("depth",),
    )
    monkeypatch.setitem(EXPERIMENTS, "depth", question)
    recipe = base_recipe("depth", "rooms", "laptop", steps=30)
    return vary(
        recipe, size=(32, 32), widths=(8, 8, 16), hidden=(16,), points_per_image=200, test_images=3, precision="no"
    )


def test_depth_is_learned_and_predicted(depth):
    scenes, task = RoomScenes(32, 6, seed=3), build_task(depth)
    net, config = build_model(depth), vary(depth, steps=150).training
    before = evaluate(net, task, scenes)["log_rmse"]
    fit(net, task, scenes, build_sampler(depth), config, build_augment(depth), scenes, progress=False)
    assert evaluate(net, task, scenes)["log_rmse"] < 0.5 * before
    exact = net.predict(scenes[0]["image"][None])
    adaptive = net.predict(scenes[0]["image"][None], mode="adaptive", task=task)
    assert float((exact - adaptive).abs().mean()) < 0.1
    assert predict_photo(net, task, torch.rand(3, 50, 70), (32, 32)).shape == (3, 50, 70)


def test_depth_has_records_and_a_report(depth, tmp_path):
    chosen = EXPERIMENTS["depth"]
    runs = plan_runs(chosen, depth, choose_arms(chosen, depth), (0, 1), tmp_path / "records", tmp_path / "rooms")
    assert execute(runs, progress=False) == []
    records = read_records(tmp_path / "records" / "depth" / "depth-rooms-laptop")
    assert [record.tolerance for record in records] == [{"loss": 0.1, "log_rmse": 0.1}] * 4
    text = str(report_of(records))
    assert "| log RMSE" in text
    assert "| <25 %" in text
    assert "Few pixels are as good as many" in text

"""Training: recipes say what a run is made of, `fit` takes its steps, a run folder keeps what it leaves behind."""

from pixelnet_edu.training.config import TrainingConfig, seed_everything
from pixelnet_edu.training.evaluation import evaluate, predict_one
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import (
    Recipe,
    build_augment,
    build_data,
    build_model,
    build_sampler,
    build_task,
)
from pixelnet_edu.training.runs import load_run, recorded, trained
from pixelnet_edu.training.trainer import fit

"""Experiments: the paper's tables and the questions around them, trained again, recorded and reported.

`design` says what an experiment is; `arms` lists them; `plan` makes runs of them, `runner` trains, `records` keeps,
`report` tells. `studies` are what `pixelnet study` measures: data sets, and the noise of gradients; `cost` is what
`pixelnet bench` measures.
"""

from pixelnet_edu.experiments.arms import EXPERIMENTS, experiment
from pixelnet_edu.experiments.design import Experiment
from pixelnet_edu.experiments.records import recorded_runs, recorded_settings

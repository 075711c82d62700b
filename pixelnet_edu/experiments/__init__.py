"""Experiments: the paper's tables and the questions around them, trained again, recorded and reported.

Each module lists the arms of one. `design` says what that is; `plan` makes runs of them, `runner` trains, `records`
keeps, `report` tells.
"""

from pixelnet_edu.experiments import budget, edges, predictors, table1, table4, tabula_rasa
from pixelnet_edu.experiments.design import Experiment
from pixelnet_edu.experiments.recorded import recorded_runs, recorded_settings

__all__ = ["EXPERIMENTS", "Experiment", "experiment", "recorded_runs", "recorded_settings"]

EXPERIMENTS = {
    module.EXPERIMENT.name: module.EXPERIMENT for module in (table1, table4, predictors, tabula_rasa, edges, budget)
}


def experiment(name: str) -> Experiment:
    """Return an experiment by its name.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> experiment("table4").readings
    (0.5, 1.0)
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment: found {name!r}, expected one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]

"""The experiments: what each compares. A module lists the arms of one, as changes to a recipe, and its claim."""

from pixelnet_edu.checks import check_name
from pixelnet_edu.experiments.arms import budget, edges, predictors, pretraining, table1, table4, tabula_rasa
from pixelnet_edu.experiments.design import Experiment

_MODULES = (table1, table4, predictors, tabula_rasa, pretraining, edges, budget)
EXPERIMENTS = {module.EXPERIMENT.name: module.EXPERIMENT for module in _MODULES}


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
    check_name("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]

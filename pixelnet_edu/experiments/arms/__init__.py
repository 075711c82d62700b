"""The experiments: what each compares. A module lists the arms of one, as changes to a recipe, and its claim."""

from pixelnet_edu.data.reading import check_name
from pixelnet_edu.experiments.arms import budget, edges, predictors, table1, table4, tabula_rasa
from pixelnet_edu.experiments.design import Experiment

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
    check_name("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]

"""Linear or nonlinear: what the predictor above the hypercolumn adds, and what a level of wide context adds.

Source: the comparison of linear, normalised linear and nonlinear predictors in the paper (PixelNet, arXiv 1702.06506).
Its linear predictor without normalisation stood on VGG-16 without batch normalisation; the laptop's backbone has it
inside, so there the first two arms differ less. Where the recipe's backbone is frozen, as on the small VOC, the
predictor is all that is trained.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, vary
from pixelnet_edu.training.recipes import Recipe


def arms(base: Recipe) -> list[Arm]:
    """List the arms: linear, linear with normalised levels, 1 to 3 hidden layers; then the outer two with context."""
    width = base.hidden[0]
    linear = vary(base, hidden=(), level_norm=True)
    mlps = {n: vary(base, hidden=(width,) * n) for n in (1, 2, 3)}
    return [
        Arm("linear", "linear", vary(base, hidden=(), level_norm=False)),
        Arm("linear-norm", "linear, normalised levels", linear),
        *[Arm(f"mlp-{n}", f"{n} hidden layer{'s' * (n > 1)} of {width}", mlp) for n, mlp in mlps.items()],
        Arm("linear-norm-context", "linear, normalised levels, context", vary(linear, context=True), default=False),
        Arm("mlp-2-context", f"2 hidden layers of {width}, context", vary(mlps[2], context=True), default=False),
    ]


EXPERIMENT = Experiment(
    name="predictors",
    question="Does a nonlinear predictor beat a linear one on the same hypercolumns?",
    arms=arms,
    claims=(Claim("a nonlinear predictor beats a linear one on normalised levels", "mlp-2", "linear-norm"),),
)

"""Charts of numbers, in the look that `pixelnet_edu.teaching.plotting.use_style` sets.

Shapes: D draws, M things compared.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import Tensor

from pixelnet_edu.teaching.palette import OKABE_ITO, PALETTE

_CURVES = [OKABE_ITO[name] for name in ("blue", "vermilion", "green", "orange", "pink", "sky")]


def hits_histogram(counts: Tensor, exact: Sequence[float], name: str, ax: Axes | None = None) -> Axes:
    """Show how many pixels of a class the draws held: simulated bars, exact dots, the misses in a colour of their own.

    Parameters
    ----------
    counts : Tensor (D,)
        The number of the class's pixels in each of D draws.
    exact : sequence of float
        The exact probability of 0, 1, 2, ... pixels.
    name : str
        The class.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Examples
    --------
    >>> import torch
    >>> axes = hits_histogram(torch.tensor([0, 1, 1, 2]), [0.3, 0.4, 0.2, 0.1], "pink")
    >>> axes.get_title("left")
    'missed in 25.0 % of 4 draws, exactly 30.0 %'
    """
    axes = ax or plt.subplots()[1]
    values, exact = np.asarray(counts), np.asarray(exact)
    shares = np.bincount(values, minlength=len(exact)) / len(values)
    colors = [PALETTE["missed"], *[PALETTE["sampled"]] * (len(shares) - 1)]
    axes.bar(range(len(shares)), shares, color=colors, width=0.8)
    axes.plot(exact, "o", color=PALETTE["exact"], markersize=5)
    text = f"missed in {100 * shares[0]:.1f} % of {len(values):,} draws, exactly {100 * exact[0]:.1f} %"
    axes.set_title(text, loc="left", fontsize="medium")
    axes.set(xlabel=f"{name} pixels in the sample", ylabel="share of the draws", ylim=(0, 1.18 * max(*shares, *exact)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    dot = Line2D([], [], color=PALETTE["exact"], marker="o", markersize=5, linestyle="", label="exact")
    axes.legend(handles=[Patch(color=PALETTE["sampled"], label="simulated"), dot], loc="upper right")
    return axes


def interval_bars(
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    xlabel: str,
    exact: Sequence[float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Compare values by bars with their intervals, each value written beside its bar, the first on top.

    Parameters
    ----------
    names : sequence of M str
    values : sequence of M float
    intervals : sequence of M pairs
        The low and the high end of each interval, in the unit of the values.
    xlabel : str
        What is compared, with its unit.
    exact : sequence of M float, optional
        What a formula says, drawn as a diamond.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Raises
    ------
    ValueError
        If a value lies outside its interval.

    Examples
    --------
    >>> axes = interval_bars(["uniform", "stratified"], [0.4, 0.1], [(0.3, 0.5), (0.0, 0.2)], "variance")
    >>> [text.get_text() for text in axes.texts]
    ['0.4', '0.1']
    """
    axes = ax or plt.subplots(figsize=(plt.rcParams["figure.figsize"][0], 0.8 + 0.45 * len(names)))[1]
    rows, (low, high) = np.arange(len(names)), np.asarray(intervals, float).T
    for value, start, end in zip(values, low, high, strict=True):
        if start > value or end < value:
            raise ValueError(f"intervals: found ({start:g}, {end:g}) for {value:g}, expected it inside")
    errors = [np.subtract(values, low), np.subtract(high, values)]
    axes.barh(rows, values, color=PALETTE["sampled"], height=0.62, tick_label=list(names))
    axes.errorbar(values, rows, xerr=errors, fmt="none", ecolor=PALETTE["ink"], elinewidth=1.2, capsize=3)
    if exact is not None:
        axes.plot(exact, rows, "D", color=PALETTE["missed"], markeredgecolor="white", markersize=7, label="formula")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    for row, value in enumerate(values):
        axes.annotate(f"{value:.3g}", (high[row], row), xytext=(7, 0), textcoords="offset points", va="center")
    axes.set(xlabel=xlabel, xlim=(min(0, low.min()), 1.12 * max(high.max(), 0)), ylim=(len(names) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0, labelcolor=PALETTE["ink"])
    axes.spines["left"].set_visible(False)
    return axes


def forest(
    gains: Mapping[str, tuple[float, float, float]],
    margins: Sequence[float],
    xlabel: str,
    paper: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw gains with their intervals beside 0 and minus a margin, the first on top.

    Parameters
    ----------
    gains : dict
        Of each of M names the gain and the low and the high end of its interval.
    margins : sequence of M float
        How much may be lost: from there to 0 the ground is shaded.
    xlabel : str
        What is gained, with its unit.
    paper : dict, optional
        The paper's gains, drawn as diamonds.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Examples
    --------
    >>> gains = {"4 %": (-0.5, -1.2, 0.2), "1 %": (-3.0, -4.0, -2.0)}
    >>> axes = forest(gains, margins=[2, 2], xlabel="gain in mIoU")
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['4 %', '1 %']
    """
    axes = ax or plt.subplots(figsize=(plt.rcParams["figure.figsize"][0], 1 + 0.32 * len(gains)))[1]
    rows, (mean, low, high) = np.arange(len(gains)), np.array(list(gains.values())).T
    axes.barh(rows, -np.asarray(margins), height=1, color=PALETTE["line"], alpha=0.5, label="margin")
    axes.axvline(0, color=PALETTE["muted"], linewidth=1)
    axes.errorbar(mean, rows, xerr=[mean - low, high - mean], fmt="o", color=PALETTE["ours"], capsize=3, label="here")
    known = {row: paper[name] for row, name in enumerate(gains) if paper and name in paper}
    if known:
        look = {"color": PALETTE["paper"], "markeredgecolor": "white", "markersize": 8, "label": "the paper"}
        axes.plot(list(known.values()), list(known), "D", **look)
    axes.set(xlabel=xlabel, yticks=rows, yticklabels=list(gains), ylim=(len(gains) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0, labelcolor=PALETTE["ink"])
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)
    return axes


def rate_curves(
    scores: Mapping[str, Mapping[float, float]], ylabel: str, better: Callable = max, ax: Axes | None = None
) -> Axes:
    """Draw score against learning rate, a curve an arm, its best rate marked: what one rate for all would hide.

    Parameters
    ----------
    scores : dict
        Of each arm its score by rate, as `scores_by_rate` has them; those that diverged are infinite, and left out.
    ylabel : str
        The score, with its unit.
    better : max or min
        Which score is best.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Examples
    --------
    >>> axes = rate_curves({"one": {0.1: 40.0, 0.3: 30.0}, "five": {0.1: 50.0, 0.3: 56.0}}, "mIoU")
    >>> [line.get_label() for line in axes.get_lines()][::2]
    ['one', 'five']
    """
    axes = ax or plt.subplots()[1]
    for (name, by_rate), color in zip(scores.items(), itertools.cycle(_CURVES), strict=False):
        points = [(rate, score) for rate, score in by_rate.items() if np.isfinite(score)]
        axes.plot(*zip(*points, strict=True), "o-", color=color, markersize=4, label=name)
        axes.plot(*better(points, key=lambda point: point[1]), "o", color=color, markersize=9, label="")
    rates = sorted({rate for by_rate in scores.values() for rate in by_rate})
    axes.set(xscale="log", xlabel="learning rate", ylabel=ylabel)
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates], minor=False)
    axes.minorticks_off()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)
    return axes


def precision_recall(curves: dict[str, dict], ax: Axes | None = None) -> Axes:
    """Draw precision against recall of boundary scores, over lines of equal F; a dot marks the best threshold.

    Parameters
    ----------
    curves : dict
        Scores for each name, as `boundary_scores` returns them: ``recall``, ``precision``, ``f`` and ``ods``. Scores at
        one threshold only, such as a person's, are a dot.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Examples
    --------
    >>> scores = {"recall": [0.9, 0.5], "precision": [0.4, 0.8], "f": [0.55, 0.62], "ods": 0.62}
    >>> axes = precision_recall({"ours": scores})
    >>> axes.get_legend().texts[0].get_text()
    'ours, F 0.62'
    """
    axes = ax or plt.subplots(figsize=(4.6, 4.6))[1]
    for f in np.arange(0.1, 1, 0.1):
        recall = np.linspace(f / (2 - f), 1, 100)
        axes.plot(recall, f * recall / (2 * recall - f), color=PALETTE["line"], linewidth=1, zorder=0)
        axes.annotate(f"{f:.1f}", (1, f / (2 - f)), xytext=(3, -3), textcoords="offset points", color=PALETTE["muted"])
    for (name, scores), color in zip(curves.items(), _CURVES, strict=False):
        best = int(np.argmax(scores["f"]))
        many = len(scores["f"]) > 1
        axes.plot(scores["recall"], scores["precision"], color=color, linewidth=1.8 if many else 0)
        label = f"{name}, F {scores['ods']:.2f}"
        axes.plot(scores["recall"][best], scores["precision"][best], "o" if many else "D", color=color, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="recall", ylabel="precision", aspect="equal")
    axes.legend(loc="lower left", frameon=True, framealpha=1, edgecolor="none")
    return axes

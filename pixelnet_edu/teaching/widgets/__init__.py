"""Explorers that run in the page itself: no kernel, no network, keyboard and touch.

>>> from pixelnet_edu.teaching.widgets import Question, Quiz
>>> Quiz([Question("How many numbers is a normal?", [1, 3], 3, "x, y and z.")])
Quiz(1 question)
"""

from .cell_explorer import CellExplorer
from .label_probe import LabelProbe
from .quiz import Question, Quiz
from .sample_explorer import SampleExplorer

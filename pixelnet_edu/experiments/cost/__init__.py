"""How fast is it: every claim of speed and memory as a ratio of two sides, measured in turn on one machine.

`run` measures everything and makes the record; `peers` are the other sides of the ratios, the obvious way to do each
thing; `workloads` is what both sides compute; `timing` and `memory` measure it; `ratios` and `adaptive` compare;
`curves` shows how our side grows; `costs` counts multiply-adds and bytes without measuring anything; `report` prints.
"""

import logging

# torch.utils.benchmark loads it, and it warns wherever there is a compiler for GPUs and no GPU.
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)

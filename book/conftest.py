"""Let nbval run cells as Jupyter does, with history: without it, a `;` at a cell's end does not silence its value."""

from nbval.kernel import RunningKernel


def execute_cell_input(self, cell_input, allow_stdin=None):
    """Send a cell to the kernel and return the message's id."""
    return self.kc.execute(cell_input, store_history=True, allow_stdin=bool(allow_stdin), stop_on_error=False)


RunningKernel.execute_cell_input = execute_cell_input

"""What chapters use: figures, explorers, exercises."""

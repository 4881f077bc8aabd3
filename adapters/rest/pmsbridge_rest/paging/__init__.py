"""Lists in pages: how the next one is asked for, when it was the last, and whether anything moved meanwhile."""

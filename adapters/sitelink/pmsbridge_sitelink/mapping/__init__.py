"""Rows of the back office to records of the model: pure functions, one module per noun."""

"""Rows of the vendor into records of the model: pure functions, told apart by what they make."""

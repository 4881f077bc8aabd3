"""Comparing what we said about payments with what the back office shows, before the day is closed."""

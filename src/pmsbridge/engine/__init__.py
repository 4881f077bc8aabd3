"""Delivery: claim, send once, settle, probe; and the nightly sync."""

"""Verbs: what a portal may ask for, who may ask, and which effects follow. Pure; no I/O."""

"""Lints: what a mapping may say but should not, or not without a look."""

from __future__ import annotations

from pmsbridge_rest.lint.linting import lint

__all__ = ["lint"]

"""A first draft of a mapping, proposed from a vendor's OpenAPI document. A person completes and reviews it."""

from __future__ import annotations

from pmsbridge_rest.scaffold.proposing import scaffold

__all__ = ["scaffold"]

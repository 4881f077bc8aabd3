"""Whether there is a document to serve: ``python -m tests.prism.present`` says what is missing, and then fails."""

from __future__ import annotations

import sys

from tests.adapters.rest.vendors.documents import missing

DOCUMENT = "buildium-v1.openapi.json"

if __name__ == "__main__":
    what = missing(DOCUMENT)
    if what:
        print(f"NOT RUN: {what}")
    sys.exit(bool(what))

from __future__ import annotations

from pathlib import Path

import pytest

from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import load_mapping

HARBOR = Path(__file__).parent / "harbor.yaml"


@pytest.fixture(scope="session")
def harbor() -> Mapping:
    return load_mapping(HARBOR)

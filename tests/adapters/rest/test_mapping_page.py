from __future__ import annotations

import re
from pathlib import Path

from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.problems import as_text

PAGE = (Path(__file__).parents[3] / "docs" / "adapters" / "mapping-format.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(pmsmap: 1\n.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_every_whole_mapping_on_the_page_can_be_used() -> None:
    assert EXAMPLES

    for example in EXAMPLES:
        found = [each for each in lint(example.encode()) if each.level == "error"]
        assert found == [], as_text(found, "mapping-format.md")

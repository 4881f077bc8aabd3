"""What a type checker says about code that uses the library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
from datetime import date
from decimal import Decimal
from typing import assert_type
from pmsbridge import Card, InputError, Money
from pmsbridge.actions.effects import Effect, TakePayment, effect_from_json
from pmsbridge.model.record import Value, VendorRef

money = Money.of("1.00", "USD")
assert_type(money + money, Money)
assert_type(money.amount, Decimal)
assert_type(money * 2, Money)
assert_type(Money.model_validate({}), Money)
assert_type(VendorRef(system="s", account="a", facility="f", entity="e", id="1").key, str)
with Card(number="", expires_on=date(2030, 1, 1), holder="").open() as parts:
    assert_type(parts["number"], str)
effect: Effect = effect_from_json("")
if isinstance(effect, TakePayment):
    assert_type(effect.total, Money)
"""

BAD = [
    ('Money.of(1.5, "USD")', "arg-type"),
    ('Money.of("1", "USD") * 1.5', "operator"),
    ('Money.of("1", "USD") + 1', "operator"),
    ('Money.of("1", "USD").amount = Decimal(2)', "misc"),
    ('VendorRef(system="s", account="a", facility="f", entity="e", id=15)', "arg-type"),
    ('VendorRef(system="s", account="a", facility="f", entity="e")', "call-arg"),
    ('VendorRef(system="s", account="a", facility="f", entity="e", id="1", vendor="x")', "call-arg"),
    ('Card("4111", date(2030, 1, 1), "X")', "call-arg"),
    ('InputError("field")', "call-arg"),
    ('UnavailableError("m", retry_after=30)', "arg-type"),
]
HEAD = """
from datetime import date
from decimal import Decimal
from pmsbridge import Card, InputError, Money, UnavailableError
from pmsbridge.model.record import VendorRef
"""


def check(program: str, tmp_path: Path) -> str:
    """Mypy's report on a program, with the project's own settings and cache."""
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    report, trouble, _ = api.run([
        "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"), "--no-error-summary",
        "--follow-imports=silent", str(path),
    ])  # fmt: skip
    assert not trouble, trouble
    return report


@pytest.fixture
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mypy reads its paths relative to where it runs."""
    monkeypatch.chdir(ROOT)


@pytest.mark.slow
@pytest.mark.usefixtures("_in_the_repository")
def test_right_use_has_precise_types(tmp_path: Path) -> None:
    assert check(GOOD, tmp_path) == ""


@pytest.mark.slow
@pytest.mark.usefixtures("_in_the_repository")
def test_the_program_that_works_inside_a_web_application_has_types(tmp_path: Path) -> None:
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)

    assert blocks
    assert check("\n".join(blocks), tmp_path) == ""


@pytest.mark.slow
@pytest.mark.usefixtures("_in_the_repository")
def test_wrong_use_is_refused(tmp_path: Path) -> None:
    report = check(HEAD + "\n".join(line for line, _ in BAD), tmp_path)

    first = HEAD.count("\n") + 1
    found = {(int(line), code) for line, code in re.findall(r"program\.py:(\d+): error: .*\[([a-z-]+)\]", report)}
    missing = [text for number, (text, code) in enumerate(BAD, first) if (number, code) not in found]
    assert not missing, report

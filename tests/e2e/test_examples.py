from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from pmsbridge import Bridge
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.e2e.conftest import ROOT, Ran, start
from tests.unit.cli.conftest import BOOK

EXAMPLES = ROOT / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- the nightly job --------------------------------------------------------------------------------------------------


def test_the_nightly_job_copies_every_facility(workplace: Path) -> None:
    ended = subprocess.run(
        [sys.executable, EXAMPLES / "nightly_job.py"],
        cwd=workplace,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert "L001" in ended.stdout
    assert "L002" in ended.stdout
    assert all(row["age"] for row in start("status", "--json", folder=workplace).data["facilities"])


def test_the_nightly_job_reports_a_facility_that_failed(workplace: Path, office: SandboxControl) -> None:
    office.inject("RentRoll", "html_503", location="L002", count=0)
    try:
        ended = subprocess.run(
            [sys.executable, EXAMPLES / "nightly_job.py"],
            cwd=workplace,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    finally:
        office.clear()

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert any(row["age"] for row in start("status", "--json", folder=workplace).data["facilities"])


# -- the payment page -------------------------------------------------------------------------------------------------


class Browser:
    """Asks a WSGI application, checked against the standard."""

    def __init__(self, app: Any) -> None:
        self.app = validator(app)

    def ask(self, method: str, query: str = "", body: bytes = b"") -> tuple[str, str]:
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": query, "wsgi.input": io.BytesIO(body)}
        if body:
            environ |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/x-www-form-urlencoded"}
        setup_testing_defaults(environ)
        told: list[str] = []
        answer: Any = self.app(environ, _noting(told))
        try:
            text = b"".join(answer).decode()
        finally:
            answer.close()
        return told[0], text


def _noting(told: list[str]) -> Any:
    def start_response(status: str, _headers: object, _error: object = None) -> Any:
        told.append(status)
        return lambda _text: None

    return start_response


@pytest.fixture
def gateway() -> Any:
    return load("portal_payment").PretendGateway()


@pytest.fixture
def bridge(workplace: Path, office: SandboxControl) -> Iterator[Bridge]:
    office.reset()
    with Bridge.from_config(workplace / "pmsbridge.toml") as opened:
        yield opened


@pytest.fixture
def page(bridge: Bridge, gateway: Any) -> Any:
    return load("portal_payment").PaymentPage(lambda _: bridge.tenant("L001", "1001"), gateway)


@pytest.fixture
def browser(page: Any) -> Browser:
    return Browser(page)


def offered(browser: Browser) -> tuple[int, str]:
    """The first unit on the dashboard, and the id of a quote for it."""
    rental = re.findall(r"rental=(\w+)", browser.ask("GET")[1])[0]
    _, offer = browser.ask("GET", f"rental={rental}")
    return int(rental), re.findall(r'name=quote value="(\w+)"', offer)[0]


def click(browser: Browser, quote: str) -> tuple[str, str]:
    return browser.ask("POST", body=f"quote={quote}".encode())


def test_a_double_click_on_the_payment_page_pays_once(browser: Browser, office: SandboxControl, gateway: Any) -> None:
    home = browser.ask("GET")[1]
    rental, quote = offered(browser)
    before = len(office.ledger("L001", rental)["payments"])

    first, second = click(browser, quote), click(browser, quote)

    assert "Hello Renée" in home
    assert first == second
    assert "Paid. Thank you." in first[1]
    assert len(office.ledger("L001", rental)["payments"]) == before + 1
    assert list(gateway.money.values()) == ["taken"]


def test_the_payment_page_refuses_a_foreign_rental_and_quote_and_lets_the_money_go(
    browser: Browser, gateway: Any
) -> None:
    assert browser.ask("GET", "rental=424242")[0] == "409 Conflict"

    status, body = click(browser, "q_of_somebody_else")

    assert status == "409 Conflict"
    assert "Your card is not charged." in body
    assert list(gateway.money.values()) == ["let go"]


def test_a_payment_whose_answer_is_lost_holds_the_money_and_takes_it_when_it_is_found(
    browser: Browser, page: Any, bridge: Bridge, office: SandboxControl, gateway: Any
) -> None:
    rental, quote = offered(browser)
    before = len(office.ledger("L001", rental)["payments"])
    _, other = offered(browser)
    office.inject("Payment*WithSource*", "drop_after")
    try:
        lost = click(browser, quote)
    finally:
        office.clear()
    again = click(browser, other)

    assert "We are confirming your payment" in lost[1]
    assert "An earlier payment is being confirmed" in again[1]
    assert list(gateway.money.values()) == ["held", "let go"]

    end = time.monotonic() + 20
    while page.held and time.monotonic() < end:
        bridge.runtime.run_due()
        page.follow_up()
        time.sleep(0.1)
    assert list(gateway.money.values()) == ["taken", "let go"]
    assert len(office.ledger("L001", rental)["payments"]) == before + 1


def test_an_office_that_is_away_keeps_the_money_held_and_the_same_form(
    browser: Browser, office: SandboxControl, gateway: Any
) -> None:
    _, quote = offered(browser)
    office.inject("*", "html_503", count=0)
    try:
        status, body = click(browser, quote)
    finally:
        office.clear()

    assert status == "503 Service Unavailable"
    assert f'value="{quote}"' in body
    assert list(gateway.money.values()) == ["held"]
    assert "Paid. Thank you." in click(browser, quote)[1]
    assert list(gateway.money.values()) == ["taken"]


# -- an adapter of one's own ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example distribution, built and installed by pip into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", target, EXAMPLES / "third_party_adapter"], check=True, timeout=120)
    return target


@pytest.fixture
def bookshop(tmp_path: Path) -> Path:
    (tmp_path / "rentbook.json").write_text(json.dumps(BOOK), encoding="utf-8")
    return tmp_path


def rented(folder: Path, site: Path, *args: str) -> Ran:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return start(*args, folder=folder, env={"PYTHONPATH": path})


@pytest.mark.slow
def test_an_adapter_of_another_distribution_is_found_checked_and_synced(bookshop: Path, site: Path) -> None:
    made = rented(bookshop, site, "init", "--system", "rentbook", "--json")
    looked = rented(bookshop, site, "doctor", "--json")
    synced = rented(bookshop, site, "sync", "--json")

    assert made.code == 0, made.err
    assert looked.code == 0, looked.out
    assert "rentbook, by pmsbridge-rentbook 0.1.0" in looked.out
    assert synced.data["ok"] is True, synced.out


@pytest.mark.slow
def test_what_the_rent_book_cannot_do_becomes_a_task_or_a_refusal(bookshop: Path, site: Path) -> None:
    rented(bookshop, site, "init", "--system", "rentbook")
    program = (
        "from datetime import date, timedelta\n"
        "from pmsbridge import Bridge, ExternalPayment, UnsupportedError\n"
        "with Bridge.from_config() as bridge:\n"
        "    session = bridge.tenant('HOME', 't1')\n"
        "    print(session.request_move_out('r1', date.today() + timedelta(days=40), key='click-0001').emulated)\n"
        "    print(session.add_note('r1', 'Please call.', key='click-0002').outcome)\n"
        "    try:\n"
        "        session.pay_rental('r1', ExternalPayment(gateway='x', reference='abcd'), key='click-0003')\n"
        "    except UnsupportedError as error:\n"
        "        print(type(error).__name__)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(site)}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=bookshop,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ,
    )

    assert ended.stdout.split() == ["True", "settled", "UnsupportedError"], ended.stderr
    book = json.loads((bookshop / "rentbook.json").read_text(encoding="utf-8"))
    assert any("Please call." in note["text"] for note in book["notes"])
    assert len(book["messages"]) == 1

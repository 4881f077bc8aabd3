"""A tour through every door of a portal, carrying secrets: what was seen on the way is kept, to be searched.

Runs inside a test, and as a program that talks as much as it can: ``python -m tests.leaks.tour SETTINGS SEED URL``.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

from pmsbridge import Bridge
from pmsbridge.cli.running import run
from pmsbridge.errors import PmsBridgeError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.sealed import BankAccount, BankAccountKind, Card, GateCode, WebPassword
from pmsbridge.portal.access import IdentityCheck
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import load_settings
from pmsbridge.testing.canaries import Canaries
from tests.leaks.parrot import ECHOES

__all__ = ["Luggage", "everywhere", "mistyped", "settings_text", "shown", "talkative"]

SITE: Final = "L001"
_TRIES: Final = 2
_GOOD_UNTIL: Final = date(2031, 5, 31)
_LIBRARIES: Final = (
    "pmsbridge", "zeep", "httpx", "httpcore", "urllib3", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool",
    "psycopg", "psycopg.pool", "procrastinate", "celery", "kombu", "alembic", "apscheduler", "asyncio", "aiosmtpd",
)  # fmt: skip


@dataclass
class Luggage:
    """What was carried, and everything that was seen: answers, errors, what commands printed."""

    canaries: Canaries
    settings: Path
    echo_url: str
    seen: list[tuple[str, object]] = field(default_factory=list)
    paid: list[Outcome] = field(default_factory=list)

    def keep(self, door: str, act: Callable[..., object]) -> object:
        """Go through a door and keep what came of it, an error with its whole chain included."""
        try:
            result = act()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            self.seen.append((door, error))
            return None
        self.seen.append((door, result))
        return result

    def errors(self) -> list[BaseException]:
        """The errors that were kept."""
        return [result for _, result in self.seen if isinstance(result, BaseException)]

    def echo(self, name: str) -> None:
        """Tell the back office how to answer the next call that holds a secret."""
        self._ask(f"echo/{name}")

    def waits(self) -> bool:
        """Whether the back office has not yet had a call to answer in that way."""
        return bool(self._ask("waiting"))

    def _ask(self, path: str) -> bytes:
        with build_opener(ProxyHandler({})).open(f"{self.echo_url}/{path}", timeout=10) as answer:
            said: bytes = answer.read()
            return said


def settings_text(office: str, store: str, *, mail_port: int = 0, extra: str = "") -> str:
    """Settings for an office at an address; its secrets are in the environment."""
    mail = f'[mail]\nhost = "127.0.0.1"\nport = {mail_port}\nusername = "portal"\npassword = "env:CANARY_SMTP"\n'
    return f"""
[engine]
settle_window = "1s"
[store]
url = {json.dumps(store)}
{mail if mail_port else ""}
[accounts.main]
system = "sitelink"
[accounts.main.options]
corp_code = "CCTST"
user = "Administrator"
license_key = "env:CANARY_LICENCE"
password = "env:CANARY_OFFICE"
call_center_url = "{office}/CCWs_3.5/CallCenterWs.asmx"
reporting_url = "{office}/CCWs_3.5/ReportingWs.asmx"
allow_raw_cards = true
facilities = [{{ code = "{SITE}", zone = "America/New_York" }}]
[accounts.main.options.timeouts]
connect = "3s"
read = "5s"
{extra}"""


def talkative(stream: io.TextIOBase | Any) -> logging.Handler:
    """Turn everything on that can talk, and send it to a stream."""
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    for name in ("", *_LIBRARIES):
        logging.getLogger(name).setLevel(logging.DEBUG)
    return handler


def everywhere(luggage: Luggage) -> None:
    """The whole tour."""
    mistyped(luggage)
    with Bridge.from_config(luggage.settings) as bridge:
        luggage.keep("bridge", lambda: bridge)
        for name, act in _typed_into_the_wrong_field(bridge, luggage.canaries).items():
            luggage.keep(name, act)
        _pay(luggage, bridge)
        _sign_in(luggage, bridge)
        _open_the_gate(luggage, bridge)
        luggage.keep("sync", bridge.sync)
        luggage.keep("reconcile", bridge.reconcile)
        luggage.keep("actions", bridge.runtime.actions)
        for action in bridge.runtime.actions():
            luggage.keep("trail", lambda identity=action.action_id: bridge.runtime.trail(identity))
    _commands(luggage)


# -- typed wrongly ----------------------------------------------------------------------------------------------------


def mistyped(luggage: Luggage) -> None:
    """Parts of a card, an account and a password where they do not belong; settings with the secret itself."""
    canaries = luggage.canaries
    good: dict[str, Any] = {"number": canaries["card.visa16"], "expires_on": _GOOD_UNTIL, "holder": "Test Payer"}
    for name, value in canaries.items():
        if name.startswith("card."):
            for broken in (value[:-1] + str((int(value[-1]) + 1) % 10), f"{value}x", value * 2, f" {value}é"):
                luggage.keep(f"broken {name}", lambda number=broken: Card(**{**good, "number": number}))
    pan = canaries["card.visa16"]
    for part in ("cvv", "holder", "street", "postal_code", "expires_on"):
        luggage.keep(f"number in {part}", lambda part=part: Card(**{**good, "number": "4111", part: pan}))
        luggage.keep(f"number in {part} of a card", lambda part=part: Card(**{**good, part: pan}).face)
    account, routing = canaries["bank.account"], canaries["bank.routing"]
    for numbers in ((account, account), (f"{routing}1", account), (routing, f"{account}99"), (routing, f"{account}x")):
        luggage.keep(
            "broken bank account",
            lambda numbers=numbers: BankAccount(
                routing_number=numbers[0], account_number=numbers[1], kind=BankAccountKind.CONSUMER_CHECKING
            ),
        )
    luggage.keep("stored method", lambda: StoredMethod.model_validate({"method_id": {"number": pan}, "cvv": pan}))
    luggage.keep("external", lambda: ExternalPayment.model_validate({"gateway": [pan], "reference": {pan: pan}}))
    text = luggage.settings.read_text(encoding="utf-8")
    for place in ("env:CANARY_LICENCE", "env:CANARY_OFFICE", "1s", SITE, "sitelink", "America"):
        # A word in the place of a location code is a location code: only a card number can be told from one.
        for name in ("card.visa16",) if place == SITE else ("password.office", "token.api", "card.visa16"):
            wrong = luggage.settings.with_name("wrong.toml")
            changed = text.replace(place, canaries[name])
            luggage.keep(
                f"settings with {name} for {place}", lambda changed=changed, wrong=wrong: _load(wrong, changed)
            )
    for setting in (
        "STORE__URL",
        "STORE__PASSWORD",
        "MAIL__PASSWORD",
        "MAIL__PORT",
        "LOG__LEVEL",
        "ENGINE",
        "ACCOUNTS",
    ):
        variable = {f"PMSBRIDGE_{setting}": f"postgresql://u:{canaries['password.database']}@h/d {pan}"}
        luggage.keep(f"variable {setting}", lambda given=variable: load_settings(luggage.settings, given))


def _load(path: Path, text: str) -> object:
    path.write_text(text, encoding="utf-8")
    try:
        settings = load_settings(path)
        return settings, Bridge.from_config(path).facilities()
    finally:
        path.unlink()  # it holds the secret on purpose


def _typed_into_the_wrong_field(bridge: Bridge, canaries: Canaries) -> Mapping[str, Callable[[], object]]:
    pan = canaries["card.visa16"]
    tenant = bridge.tenant(SITE, "1001")
    return {
        "facility": lambda: bridge.tenant(pan, "1001"),
        "tenant id": lambda: bridge.tenant(SITE, pan).account(),
        "rental": lambda: tenant.quote(pan),
        "quote": lambda: tenant.pay(pan, ExternalPayment(gateway="g", reference="r"), key="click-0001"),
        "key": lambda: tenant.pay_rental("2001", ExternalPayment(gateway="g", reference="r"), key=pan),
        "reference": lambda: tenant.pay_rental("2001", ExternalPayment(gateway="g", reference=pan), key="click-0002"),
        "means": lambda: tenant.pay_rental("2001", pan, key="click-0003"),  # type: ignore[arg-type]
        "note": lambda: tenant.add_note("2001", f"use {pan}", key="note-0001"),
        "staff": lambda: tenant.ask_staff(f"card {pan}", "call me", key="staff-0001"),
        "contact": lambda: tenant.edit_contact({"phone": pan}, key="edit-0001"),
        "contact field": lambda: tenant.edit_contact({pan: "x"}, key="edit-0002"),
        "reservation": lambda: tenant.reserve(pan, _GOOD_UNTIL, key="hold-0001", comment=pan),
        "search": lambda: bridge.find_tenants(SITE, TenantSearch(last_name=pan)),
        "login": lambda: bridge.accounts.sign_in(SITE, pan, WebPassword(pan)),
        "unit": lambda: bridge.accounts.claim(
            SITE, unit_number=pan, gate_code=GateCode(pan), login=pan, password=WebPassword(pan), key="claim-0001"
        ),
    }  # fmt: skip


# -- paying and signing in --------------------------------------------------------------------------------------------


def _pay(luggage: Luggage, bridge: Bridge) -> None:
    """Every card through every kind of answer, and a bank account; each by somebody else, so that nobody waits."""
    canaries = luggage.canaries
    names = [name for name in canaries if name.startswith("card.")]
    payers = cycle([*islice(_payers(bridge), 18)])
    for number, echo in enumerate(("", *ECHOES)):
        name = names[number % len(names)]
        if echo:
            luggage.echo(echo)
        cvv = canaries["cvv.4" if "amex" in name else "cvv.3"]
        for _ in range(_TRIES):
            card = Card(number=canaries[name], expires_on=_GOOD_UNTIL, holder="Test Payer", cvv=cvv)
            luggage.keep(f"card {name}", lambda card=card: card)
            _pay_once(luggage, bridge, card, next(payers), f"{name} {echo}")
            if not luggage.waits():
                break
            # Whoever is unsure of one payment sends no other card in the meantime.
            _finish(bridge, 1.2)
    debit = BankAccount(
        routing_number=canaries["bank.routing"],
        account_number=canaries["bank.account"],
        kind=BankAccountKind.CONSUMER_CHECKING,
    )
    _pay_once(luggage, bridge, debit, next(payers), "bank account")
    luggage.echo("html")
    card = Card(number=canaries["card.visa16"], expires_on=_GOOD_UNTIL, holder="Test Payer", cvv=canaries["cvv.3"])
    tenant = bridge.tenant(SITE, "1008")
    luggage.keep("autopay", lambda: tenant.set_autopay("2012", on=True, method=card, days_after_due=1, key="auto-0001"))
    _finish(bridge)


def _payers(bridge: Bridge) -> Iterator[tuple[str, str]]:
    """Tenants with a rental on which something may be paid."""
    for number in range(1001, 1120):
        try:
            account = bridge.tenant(SITE, str(number)).account()
        except PmsBridgeError:
            continue
        if due := [row for row in account.current if row.balances.payable_now.is_positive]:
            yield str(number), due[0].id


def _pay_once(luggage: Luggage, bridge: Bridge, means: Card | BankAccount, payer: tuple[str, str], door: str) -> None:
    tenant, rental = payer
    view = luggage.keep(
        f"pay {door}",
        lambda: bridge.tenant(SITE, tenant).pay_rental(
            rental, means, key=f"pay-{tenant}-{len(luggage.seen)}", amount=Money.of("1.07", "USD")
        ),
    )
    if view is not None:
        luggage.paid.append(view.outcome)  # type: ignore[attr-defined]


def _finish(bridge: Bridge, seconds: float = 2.5) -> None:
    """Do what is due by then; what is due later would be waited for in vain."""
    now = bridge.clock.now()
    end = now + timedelta(seconds=seconds)
    while now < end:
        bridge.runtime.run_due()
        due = _next_due(bridge, now)
        if due is None or due > end:
            return
        time.sleep(max((due - bridge.clock.now()).total_seconds(), 0.0))
        now = bridge.clock.now()


def _next_due(bridge: Bridge, now: datetime) -> datetime | None:
    """When the engine goes on by itself; None when it is through. What was due already waits behind something else."""
    pending = (view for view in bridge.runtime.actions() if view.outcome is Outcome.PENDING)
    dues = (step.next_at for view in pending for step in view.steps)
    return min((due for due in dues if due is not None and due > now), default=None)


def _sign_in(luggage: Luggage, bridge: Bridge) -> None:
    canaries, entrance = luggage.canaries, bridge.accounts
    tenant = bridge.tenant(SITE, "1003")
    login, word = "ukasz.wojcik.1003@example.com", canaries["password.web"]
    for echo in ("", "fault", "html", "garbage", "redirect", "refusal"):
        if echo:
            luggage.echo(echo)
        luggage.keep(
            f"change password {echo}",
            lambda echo=echo: tenant.change_password(login, WebPassword(word), key=f"word-{echo or 'good'}"),
        )
        _finish(bridge)
    for password in (word, canaries["password.database"]):
        for echo in ("", *ECHOES) if password == word else ("", "fault"):
            if echo:
                luggage.echo(echo)
            luggage.keep(f"sign in {echo}", lambda given=password: entrance.sign_in(SITE, login, WebPassword(given)))
    for number, (unit, code) in enumerate((("15", "gate.code"), ("15", "gate.word"), ("015", "gate.code"))):
        for echo in ("", "fault", "html"):
            if echo:
                luggage.echo(echo)
            luggage.keep(
                f"claim {echo}",
                lambda unit=unit, code=code, key=f"claim-{number}-{echo or 'good'}": entrance.claim(
                    SITE, unit_number=unit, gate_code=GateCode(canaries[code]), login=login,
                    password=WebPassword(word), key=key,
                ),
            )  # fmt: skip
    _finish(bridge)


def _open_the_gate(luggage: Luggage, bridge: Bridge) -> None:
    """A code that is looked up by the right and the wrong person, changed, and changed in a transfer."""
    canaries, desk = luggage.canaries, bridge.staff(SITE, "1003", actor="staff:ann")
    tenant = bridge.tenant(SITE, "1003")
    person, rental = tenant.tenant(), tenant.account().current[0].id
    phone = person.phone.raw if person.phone is not None else ""
    for number, postal_code in enumerate((person.address.postal_code, canaries["gate.code"], "00000")):
        for echo in ("", "fault", "html"):
            if echo:
                luggage.echo(echo)
            said = IdentityCheck(phone=phone, postal_code=postal_code)
            key = f"look-{number}-{echo or 'good'}"
            luggage.keep(f"look up {echo}", lambda said=said, key=key: desk.access_code(rental, said, key=key))
            _finish(bridge)
    luggage.keep("card for a code", lambda: desk.access_code(canaries["card.visa16"], said, key="look-card"))
    for echo in ("", *ECHOES):
        if echo:
            luggage.echo(echo)
        code, key = GateCode(canaries["gate.word" if echo else "gate.code"]), f"code-{echo or 'good'}"
        luggage.keep(f"change code {echo}", lambda code=code, key=key: tenant.change_access_code(rental, code, key=key))
        _finish(bridge)
    unit, day = next(each.id for each in bridge.available_units(SITE)), _GOOD_UNTIL.replace(year=2026, month=12)
    luggage.keep(
        "transfer",
        lambda: tenant.transfer(rental, unit, day, key="transfer-0001", access_code=GateCode(canaries["gate.word"])),
    )
    _finish(bridge)


# -- commands ---------------------------------------------------------------------------------------------------------


def command_lines(pan: str, csv: Path, action: str) -> Iterator[list[str]]:
    """Every command that ends by itself, for people and for machines, some with a card number for an argument."""
    for line in (
        ["doctor"], ["status"], ["sync"], ["reconcile", "--every-rental"], ["actions", "list"], ["findings", "list"],
        ["audit", "verify"], ["audit", "head"], ["db", "status"], ["db", "upgrade"], ["actions", "show", action],
        ["trail", action], ["actions", "show", pan], ["trail", pan], ["actions", "retry", pan],
        ["findings", "close", pan],
        ["erase", SITE, "1003", "--actor", pan, "--dry-run"], ["erase", SITE, "1003", "--actor", "staff:ann"],
        ["erase", pan, pan, "--actor", "staff:ann"],
        ["sync", "--facility", pan], ["reconcile", "--day", pan], ["schema", pan], [pan], ["doctor", f"--{pan}"],
    ):  # fmt: skip
        yield line
        yield [*line, "--json"]
    yield ["reconcile", "--csv", str(csv)]


def shown(luggage: Luggage) -> list[str]:
    """Where a secret shows in an answer, or in an error with its whole chain."""
    problems: list[str] = []
    for door, result in luggage.seen:
        # Variables of frames are judged where a secret was in its own field: what is typed into a plain field, and a
        # request on its way, are in variables while an error passes through.
        problems += [f"{door}: {hit}" for hit in luggage.canaries.scan(result, ignoring=("",))]
        if door.startswith("broken") or " of a card" in door:
            problems += [f"{door}: {hit}" for hit in luggage.canaries.scan(result, ignoring=("/tests/",))]
    return problems


def _commands(luggage: Luggage) -> None:
    with Bridge.from_config(luggage.settings) as bridge:
        action = next(iter(bridge.runtime.actions())).action_id
    csv = luggage.settings.with_name("reconcile.csv")
    for line in command_lines(luggage.canaries["card.visa16"], csv, action):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["--config", str(luggage.settings), *line])
        name = " ".join(line).replace(luggage.canaries["card.visa16"], "CARD")
        luggage.seen.append((f"command {name} ended with {code}", out.getvalue() + err.getvalue()))


def main() -> None:
    """The tour in a process of its own; its output is for whoever started it to search."""
    settings, seed, echo_url = sys.argv[1:4]
    talkative(sys.stdout)
    luggage = Luggage(Canaries(int(seed)), Path(settings), echo_url)
    everywhere(luggage)
    for door, result in luggage.seen:
        if not isinstance(result, BaseException):
            sys.stdout.write(f"{door}: {result!r}\n")
    paid = sorted({outcome.value for outcome in luggage.paid})
    told = {"doors": len(luggage.seen), "refused": len(luggage.errors()), "paid": paid, "shown": shown(luggage)}
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main()

"""The mistakes of ``tools/bad_input.py``, and the stage they are made on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pmsbridge import ActionView, Bridge, Card, ExternalPayment, Money, TenantSearch, TenantSession, WebPassword
from pmsbridge.cli.running import run
from pmsbridge.model.payments import StoredMethod
from pmsbridge.testing.memory import TestClock
from pmsbridge_sitelink.sandbox import SandboxControl

__all__ = ["CANARIES", "CASES", "LICENCE", "PAN", "PASSWORD", "TODAY", "Case", "Ran", "World"]

PAN: Final = "4111111111111111"
PAN_IN_GROUPS: Final = "4111 1111 1111 1111"
PASSWORD: Final = "tr0ub4dor-canary"  # noqa: S105 - a canary: nothing is behind it
LICENCE: Final = "WRONG-LICENCE-CANARY"
CANARIES: Final = (PAN, PASSWORD, LICENCE)
TODAY: Final = date(2026, 6, 15)


@dataclass
class World:
    """A sandbox, a bridge on it, and the people the cases are about. Books and clock stand at one fixed day."""

    control: SandboxControl
    folder: Path
    clock: TestClock
    bridge: Bridge
    tidy: ExitStack
    said: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def of(self, tenant_id: str, facility: str = "L001") -> TenantSession:
        """The session of a tenant."""
        return self.bridge.tenant(facility, tenant_id)

    @property
    def renee(self) -> TenantSession:
        """Three units, all billed and due."""
        return self.of("1001")

    @property
    def lukasz(self) -> TenantSession:
        """One unit, nothing due."""
        return self.of("1003")

    def only_at(self, facility: str, what: str) -> str:
        """The id of a tenant or ledger that only this facility has; most ids repeat from facility to facility."""
        sites = self.control.state()["sites"]
        others = {number for code, site in sites.items() if code != facility for number in site[what]}
        return str(max(set(sites[facility][what]) - others, key=int))

    def rental(self, tenant_id: str = "1001") -> str:
        """The first rental of a tenant at L001."""
        ledgers = self.control.state("L001", int(tenant_id))["sites"]["L001"]["ledgers"]
        return str(min(ledgers, key=int))

    def key(self) -> str:
        """A new click."""
        return f"bad-input-{next(self._numbers):04}"

    def card(self, number: str = PAN, *, expires_on: date = date(2030, 12, 31)) -> Card:
        """A card as typed."""
        return Card(number=number, expires_on=expires_on, holder="Renee Test", cvv="123", postal_code="02108")

    @contextmanager
    def settings(self, old: str, new: str, *, extra: str = "") -> Iterator[Path]:
        """The good settings with one mistake in them; gone afterwards, because some of the mistakes are secrets."""
        good = (self.folder / "pmsbridge.toml").read_text(encoding="utf-8")
        path = self.folder / "wrong.toml"
        if old not in good:
            message = f"the settings do not hold {old!r}"
            raise LookupError(message)
        path.write_text(good.replace(old, new, 1) + extra, encoding="utf-8")
        try:
            yield path
        finally:
            path.unlink()

    def opened(self, old: str, new: str) -> Bridge:
        """A bridge on settings with a mistake in them; the process's own clock."""
        with self.settings(old, new) as path:
            return self.tidy.enter_context(Bridge.from_config(path))

    def cli(self, *args: str) -> Ran:
        """Run a command line here."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*args, "--json"])
        self.said += out.getvalue() + err.getvalue()
        return Ran(code, json.loads(out.getvalue()))

    def cli_with(self, old: str, new: str, *args: str, extra: str = "") -> Ran:
        """Run a command line with settings that hold a mistake."""
        with self.settings(old, new, extra=extra) as path:
            return self.cli("--config", str(path), *args)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    data: Mapping[str, Any]


Do = Callable[[World], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One mistake.

    Attributes:
        given: The mistake in words.
        call: Where it is made.
        wanted: Class and code of the answer, or an outcome and its code.
    """

    group: str
    given: str
    call: str
    wanted: str
    do: Do


_NO_CHARGE: Final = "4000000000000002"


def _refused_payment(world: World) -> ActionView:
    """An action of Renée that changes nothing: the sandbox refuses this card."""
    return world.renee.pay_rental(world.rental(), world.card(_NO_CHARGE), key="bad-input-refused")


def _late(world: World) -> ActionView:
    quote = world.renee.quote(world.rental())
    world.clock.advance(timedelta(minutes=31))
    return world.renee.pay(quote, world.card(), key=world.key())


def _case(group: str, *rows: tuple[str, str, str, Do]) -> list[Case]:
    return [Case(group, *row) for row in rows]


_GOOD_PASSWORD: Final = 'password = "file:sandbox-password"'  # noqa: S105 - a line of settings
_GOOD_LICENCE: Final = 'license_key = "file:sandbox-licence-key"'
_WRONG_PASSWORD: Final = 'password = "file:wrong-password"'  # noqa: S105 - a line of settings
_WRONG_LICENCE: Final = 'license_key = "file:wrong-licence"'
_MAIL: Final = "[mail]\n"

ACCESS: Final = _case(
    "Credentials",
    ("a wrong password, at the first read", "session.dashboard()", "ConfigurationError login_failed",
     lambda w: w.opened(_GOOD_PASSWORD, _WRONG_PASSWORD).tenant("L001", "1001").dashboard()),
    ("a wrong licence key, at the first read", "session.dashboard()", "ConfigurationError invalid_licence",
     lambda w: w.opened(_GOOD_LICENCE, _WRONG_LICENCE).tenant("L001", "1001").dashboard()),
    ("a wrong password", "pmsbridge doctor", "failed account demo: credentials",
     lambda w: w.cli_with(_GOOD_PASSWORD, _WRONG_PASSWORD, "doctor")),
    ("a wrong licence key", "pmsbridge doctor", "failed account demo: licence",
     lambda w: w.cli_with(_GOOD_LICENCE, _WRONG_LICENCE, "doctor")),
    ("a facility that the account does not have", "session.dashboard()", "ConfigurationError facility_refused",
     lambda w: w.opened('code = "L002"', 'code = "L777"').tenant("L777", "1001").dashboard()),
)  # fmt: skip


def _endpoint(more: str = "", *, url: str = "https://127.0.0.1:1/x") -> str:
    return f'\n[[webhooks]]\nname = "crm"\nurl = "{url}"\nsecret = "file:hook"\nallow_private = true\n{more}\n'


SETTINGS: Final = _case(
    "Settings",
    ("no file", "pmsbridge status", "ConfigurationError no_settings",
     lambda w: w.cli("--config", str(w.folder / "absent.toml"), "status")),
    ("an unknown section", "[shedule]", "ConfigurationError settings",
     lambda w: w.cli_with("[schedule]", "[shedule]", "status")),
    ("a misspelt key", 'mail.usrname = "portal"', "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, f'{_MAIL}usrname = "portal"\n', "status")),
    ("an unknown option of the adapter", 'corp_cod = "C1"', "ConfigurationError invalid_settings",
     lambda w: w.cli_with("corp_code", "corp_cod", "status")),
    ("a duration without a unit", "engine.settle_window = 90", "ConfigurationError settings",
     lambda w: w.cli_with("[engine]\n", "[engine]\nsettle_window = 90\n", "status")),
    ("a password written out", 'mail.password = "..."', "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, f'{_MAIL}username = "p"\npassword = "{PASSWORD}"\n', "status")),
    ("a password written out, in an adapter's options", 'password = "..."', "ConfigurationError settings",
     lambda w: w.cli_with(_GOOD_PASSWORD, f'password = "{PASSWORD}"', "status")),
    ("a secret's file that is not there", 'password = "file:gone"', "ConfigurationError secret_missing",
     lambda w: w.cli_with(_GOOD_PASSWORD, 'password = "file:gone"', "sync")),
    ("a secret's variable that is not set", 'password = "env:NOT_SET_HERE"', "ConfigurationError secret_missing",
     lambda w: w.cli_with(_GOOD_PASSWORD, 'password = "env:NOT_SET_HERE"', "sync")),
    ("a password on a line that is not TOML", "password = ...", "ConfigurationError settings_syntax",
     lambda w: w.cli_with(_GOOD_PASSWORD, f"password = {PASSWORD}", "status")),
    ("a back office nobody has installed", 'system = "sitelnk"', "ConfigurationError unknown_system",
     lambda w: w.cli_with('system = "sitelink"', 'system = "sitelnk"', "status")),
    ("a card number as a value", "mail.port = ...", "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, f"{_MAIL}port = {PAN}\n", "status")),
    ("a card number as an option", 'license_key = "..."', "ConfigurationError settings",
     lambda w: w.cli_with(_GOOD_LICENCE, f'license_key = "{PAN}"', "status")),
    ("a card number as a key", "mail.... = 1", "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, f"{_MAIL}{PAN} = 1\n", "status")),
    ("a card number as an account's name", "[accounts....]", "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, _MAIL, "status", extra=f'\n[accounts.{PAN}]\nsystem = "sitelink"\n')),
    ("a zone that does not exist, in an adapter's options", 'zone = "Boston"', "ConfigurationError invalid_settings",
     lambda w: w.cli_with('zone = "America/New_York"', 'zone = "Boston"', "status")),
    ("a currency in small letters", 'currency = "usd"', "ConfigurationError invalid_settings",
     lambda w: w.cli_with('currency = "USD"', 'currency = "usd"', "status")),
    ("a word that is none of those there are", 'log.level = "loud"', "ConfigurationError settings",
     lambda w: w.cli_with('level = "warning"', 'level = "loud"', "status")),
    ("an endpoint's type of message that does not exist", 'events = ["tenants.*"]', "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, _MAIL, "status", extra=_endpoint('events = ["tenants.*"]'))),
    ("an endpoint without encryption", 'url = "http://..."', "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, _MAIL, "status", extra=_endpoint(url="http://hooks.example.com/x"))),
    ("an endpoint's facility without its account", 'facilities = ["L001"]', "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, _MAIL, "status", extra=_endpoint('facilities = ["L001"]'))),
    ("an endpoint's facility that the account does not have", "pmsbridge doctor", 'failed webhooks "crm": facilities',
     lambda w: w.cli_with(_MAIL, _MAIL, "doctor", extra=_endpoint('facilities = ["demo/L0O1"]'))),
    ("two endpoints of one name", "[[webhooks]]", "ConfigurationError settings",
     lambda w: w.cli_with(_MAIL, _MAIL, "status", extra=_endpoint() + _endpoint())),
    ("a settle window of nothing", 'engine.settle_window = "0s"', "failed engine.settle_window",
     lambda w: w.cli_with("[engine]\n", '[engine]\nsettle_window = "0s"\n', "doctor")),
    ("a store that is not there", "pmsbridge status", "ConfigurationError no_store",
     lambda w: w.cli_with("sqlite:///pmsbridge.db", "sqlite:///daat/pmsbridge.db", "status")),
    ("Procrastinate over a file", 'dispatch.by = "procrastinate"', "failed dispatch",
     lambda w: w.cli_with("[dispatch]\n", '[dispatch]\nby = "procrastinate"\n', "doctor")),
    ("a card number as a facility's code", 'code = "..."', "ConfigurationError invalid_settings",
     lambda w: w.opened('code = "L002"', f'code = "{PAN}"').tenant("demo/" + PAN, "1001").dashboard()),
)  # fmt: skip

SCOPE: Final = _case(
    "Who and where",
    ("an unknown facility", 'bridge.tenant("L009", ...)', "NotFoundError invalid_input",
     lambda w: w.of("1001", "L009")),
    ("an unknown facility", "pmsbridge sync --facility L009", "NotFoundError invalid_input",
     lambda w: w.cli("--config", str(w.folder / "pmsbridge.toml"), "sync", "--facility", "L009")),
    ("an unknown account", 'bridge.tenant("west/L001", ...)', "NotFoundError invalid_input",
     lambda w: w.of("1001", "west/L001")),
    ("a tenant that does not exist", "session.dashboard()", "NotFoundError tenant_not_found",
     lambda w: w.of("999999").dashboard()),
    ("a tenant of another facility", "session.dashboard()", "NotFoundError tenant_not_found",
     lambda w: w.of(w.only_at("L002", "tenants")).dashboard()),
    ("a tenant id that is no number", 'bridge.tenant("L001", "renee")', "NotFoundError tenant_not_found",
     lambda w: w.of("renee").dashboard()),
    ("no tenant id", 'bridge.tenant("L001", " ")', "InputError invalid_input", lambda w: w.of(" ")),
    ("a tenant id as a number", 'bridge.tenant("L001", 1001)', "InputError invalid_input",
     lambda w: w.bridge.tenant("L001", 1001)),  # type: ignore[arg-type]  # wrong on purpose
    ("a rental of another tenant, to read", "session.payments(...)", "NotFoundError invalid_input",
     lambda w: w.renee.payments(w.rental("1003"))),
    ("a rental of another tenant, to pay", "session.pay_rental(...)", "NotFoundError invalid_input",
     lambda w: w.renee.pay_rental(w.rental("1002"), w.card(), key=w.key())),
    ("a rental of another facility", "session.quote(...)", "NotFoundError invalid_input",
     lambda w: w.renee.quote(w.only_at("L002", "ledgers"))),
    ("the quote of another tenant", "session.pay(quote, ...)", "InputError invalid_input",
     lambda w: w.lukasz.pay(w.renee.quote(w.rental()), w.card(), key=w.key())),
    ("the action of another tenant", "session.action(...)", "NotFoundError invalid_input",
     lambda w: w.lukasz.action(_refused_payment(w).action_id)),
    ("an action that does not exist", "pmsbridge actions show act_nope", "NotFoundError no_action",
     lambda w: w.cli("--config", str(w.folder / "pmsbridge.toml"), "actions", "show", "act_nope")),
    ("a search for nothing", "bridge.find_tenants(...)", "InputError invalid_input",
     lambda w: w.bridge.find_tenants("L001", TenantSearch())),
)  # fmt: skip

MONEY: Final = _case(
    "Money",
    ("13 months ahead", "session.quote_prepay(13)", "IneligibleError months_out_of_range",
     lambda w: w.lukasz.quote_prepay(13)),
    ("no months ahead", "session.prepay(0, ...)", "IneligibleError months_out_of_range",
     lambda w: w.lukasz.prepay(0, w.card(), key=w.key())),
    ("months as text", 'session.quote_prepay("3")', "InputError invalid_input",
     lambda w: w.lukasz.quote_prepay("3")),  # type: ignore[arg-type]  # wrong on purpose
    ("months ahead while something is owed", "session.quote_prepay(3)", "IneligibleError balance_not_zero",
     lambda w: w.renee.quote_prepay(3)),
    ("a payment of nothing", 'amount=Money.of("0", "USD")', "IneligibleError amount_not_payable",
     lambda w: w.renee.quote(w.rental(), Money.of("0", "USD"))),
    ("a negative payment", 'amount=Money.of("-5", "USD")', "IneligibleError amount_not_payable",
     lambda w: w.renee.pay_rental(w.rental(), w.card(), key=w.key(), amount=Money.of("-5", "USD"))),
    ("a fraction of a cent", 'amount=Money.of("10.005", "USD")', "IneligibleError amount_not_payable",
     lambda w: w.renee.quote(w.rental(), Money.of("10.005", "USD"))),
    ("more than is owed", 'amount=Money.of("5000", "USD")', "IneligibleError amount_exceeds_balance",
     lambda w: w.renee.pay_rental(w.rental(), w.card(), key=w.key(), amount=Money.of("5000", "USD"))),
    ("another currency", 'amount=Money.of("10", "EUR")', "IneligibleError wrong_currency",
     lambda w: w.renee.quote(w.rental(), Money.of("10", "EUR"))),
    ("a plain number", "amount=10", "InputError invalid_input",
     lambda w: w.renee.quote(w.rental(), 10)),  # type: ignore[arg-type]  # wrong on purpose
    ("a float", 'Money.of(10.1, "USD")', "ValidationError",
     lambda _: Money.of(10.1, "USD")),  # type: ignore[arg-type]  # wrong on purpose
    ("nothing is due", "session.quote(...)", "IneligibleError nothing_due",
     lambda w: w.lukasz.quote(w.rental("1003"))),
    ("a unit that is free of charge", "session.quote(...)", "IneligibleError complimentary",
     lambda w: w.of("1006").quote(w.rental("1006"))),
    ("pay all before every bill is made", "session.quote_all()", "IneligibleError not_all_billed",
     lambda w: w.of("1002").quote_all()),
    ("an account too long past due", "session.quote_all()", "IneligibleError too_many_days_past_due",
     lambda w: w.of("1004").quote_all()),
    ("an old quote", "session.pay(quote, ...)", "IneligibleError quote_expired", _late),
    ("something that is no quote", 'session.pay("q_1", ...)', "InputError invalid_input",
     lambda w: w.renee.pay("q_1", w.card(), key=w.key())),
    ("an expired card", "session.pay_rental(...)", "IneligibleError method_expired",
     lambda w: w.renee.pay_rental(w.rental(), w.card(expires_on=date(2025, 1, 31)), key=w.key())),
    ("a mistyped card number", "Card(number=...)", "InputError invalid_input",
     lambda w: w.card("4111111111111112")),
    ("a card that the back office refuses", "session.pay_rental(...)", "declined card_refused", _refused_payment),
    ("a stored method, which this back office cannot charge", "session.pay_rental(...)",
     "IneligibleError method_not_usable",
     lambda w: w.renee.pay_rental(
         w.rental(), StoredMethod(method_id=w.renee.payment_methods()[0].id), key=w.key())),
    ("a stored method of nobody", "session.pay_rental(...)", "NotFoundError invalid_input",
     lambda w: w.renee.pay_rental(w.rental(), StoredMethod(method_id="m1"), key=w.key())),
    ("days of autopay out of range", "session.set_autopay(..., days_after_due=99)", "InputError invalid_input",
     lambda w: w.renee.set_autopay(w.rental(), on=True, days_after_due=99, key=w.key())),
    ("autopay without a method on file", "session.set_autopay(..., on=True)", "IneligibleError method_needed",
     lambda w: w.lukasz.set_autopay(w.rental("1003"), on=True, key=w.key())),
)  # fmt: skip

KEYS: Final = _case(
    "Keys",
    ("no key", 'key=""', "InputError invalid_input", lambda w: w.renee.pay_all(w.card(), key="")),
    ("a key that is no text", "key=None", "InputError invalid_input",
     lambda w: w.renee.add_note(w.rental(), "Hello.", key=None)),  # type: ignore[arg-type]  # wrong on purpose
    ("a key with blanks", 'key="my first click"', "InputError invalid_input",
     lambda w: w.renee.add_note(w.rental(), "Hello.", key="my first click")),
    ("a key used for something else before", "session.add_note(..., key=...)", "InputError key_reused",
     lambda w: w.renee.add_note(w.rental(), "Hello.", key=_refused_payment(w).key)),
)  # fmt: skip

DAYS: Final = _case(
    "Days",
    ("a move-out in the past", "session.request_move_out(...)", "IneligibleError date_in_past",
     lambda w: w.renee.request_move_out(w.rental(), TODAY - timedelta(days=1), key=w.key())),
    ("a move-out too far away", "session.request_move_out(...)", "IneligibleError date_too_far",
     lambda w: w.renee.request_move_out(w.rental(), TODAY + timedelta(days=4000), key=w.key())),
    ("a move-out day as text", 'session.request_move_out(..., "2026-07-31")', "InputError invalid_input",
     lambda w: w.renee.request_move_out(w.rental(), "2026-07-31", key=w.key())),  # type: ignore[arg-type]  # wrong on purpose
    ("cancelling a move-out that is not scheduled", "session.cancel_move_out(...)", "IneligibleError no_move_out",
     lambda w: w.renee.cancel_move_out(w.rental(), key=w.key())),
    ("a reservation in the past", "session.reserve(...)", "InputError invalid_input",
     lambda w: w.renee.reserve("5001", TODAY - timedelta(days=1), key=w.key())),
    ("a reservation of a unit that does not exist", "session.reserve(...)", "NotFoundError unit_not_found",
     lambda w: w.renee.reserve("987654", TODAY, key=w.key())),
)  # fmt: skip

TEXTS: Final = _case(
    "Texts",
    ("an empty note", 'session.add_note(..., " ")', "InputError invalid_input",
     lambda w: w.renee.add_note(w.rental(), " ", key=w.key())),
    ("a note over the limit", "session.add_note(...)", "InputError invalid_input",
     lambda w: w.renee.add_note(w.rental(), "x" * 1501, key=w.key())),
    ("a subject over the limit", "session.ask_staff(...)", "InputError invalid_input",
     lambda w: w.renee.ask_staff("x" * 101, "Hello.", key=w.key())),
    ("no text to staff", 'session.ask_staff("Hello", "")', "InputError invalid_input",
     lambda w: w.renee.ask_staff("Hello", "", key=w.key())),
    ("a contact field that does not exist", 'session.edit_contact({"fone": ...})', "InputError invalid_input",
     lambda w: w.renee.edit_contact({"fone": "617-555-0100"}, key=w.key())),
    ("no contact field", "session.edit_contact({})", "InputError invalid_input",
     lambda w: w.renee.edit_contact({}, key=w.key())),
    ("a contact value over the limit", 'session.edit_contact({"name.first": ...})', "InputError invalid_input",
     lambda w: w.renee.edit_contact({"name.first": "x" * 81}, key=w.key())),
    ("a contact value with a line break", 'session.edit_contact({"address.city": ...})', "InputError invalid_input",
     lambda w: w.renee.edit_contact({"address.city": "Boston\nMA"}, key=w.key())),
    ("an e-mail address that is none", 'session.edit_contact({"email": "renee"})', "InputError invalid_input",
     lambda w: w.renee.edit_contact({"email": "renee"}, key=w.key())),
    ("a phone number that is none", 'session.edit_contact({"phone": "call me"})', "InputError invalid_input",
     lambda w: w.renee.edit_contact({"phone": "call me"}, key=w.key())),
    ("an edit that leaves no name", 'session.edit_contact({"name.last": ""})', "InputError invalid_input",
     lambda w: w.renee.edit_contact({"name.last": ""}, key=w.key())),
    ("an edit of what changed meanwhile", "session.edit_contact(..., seen=...)", "IneligibleError changed_meanwhile",
     lambda w: w.renee.edit_contact({"phone": "617-555-0100"}, key=w.key(), seen={"phone": "what was there before"})),
    ("a password the back office cannot keep", "session.change_password(...)", "declined password_length",
     lambda w: w.renee.change_password("renee@example.com", WebPassword(PASSWORD), key=w.key())),
)  # fmt: skip

_CARD: Final = "InputError card_number_in_text"
CARDS: Final = _case(
    "A card number in the wrong place",
    ("in a note", "session.add_note(...)", _CARD,
     lambda w: w.renee.add_note(w.rental(), f"My card is {PAN_IN_GROUPS}, thanks.", key=w.key())),
    ("in a note, full-width digits", "session.add_note(...)", _CARD,
     lambda w: w.renee.add_note(w.rental(), "".join(chr(ord(c) + 0xFEE0) for c in PAN), key=w.key())),
    ("in a subject", "session.ask_staff(...)", _CARD, lambda w: w.renee.ask_staff(PAN, "Hello.", key=w.key())),
    ("in a text to staff", "session.ask_staff(...)", _CARD,
     lambda w: w.renee.ask_staff("Hello", PAN.replace("1111", "-1111"), key=w.key())),
    ("in a reservation's comment", "session.reserve(...)", _CARD,
     lambda w: w.renee.reserve("5001", TODAY, key=w.key(), comment=PAN)),
    ("as a contact value", 'session.edit_contact({"name.last": ...})', _CARD,
     lambda w: w.renee.edit_contact({"name.last": PAN}, key=w.key())),
    ("as a phone number", 'session.edit_contact({"phone": ...})', _CARD,
     lambda w: w.renee.edit_contact({"phone": PAN_IN_GROUPS}, key=w.key())),
    ("as a contact field's name", "session.edit_contact({...: ...})", "InputError invalid_input",
     lambda w: w.renee.edit_contact({PAN: "x"}, key=w.key())),
    ("as what was seen before an edit", "session.edit_contact(..., seen=...)", _CARD,
     lambda w: w.renee.edit_contact({"phone": "617-555-0100"}, key=w.key(), seen={"phone": PAN})),
    ("as the idempotency key", "key=...", _CARD, lambda w: w.renee.pay_all(w.card(), key=PAN)),
    ("inside the idempotency key", 'key="click:..."', _CARD, lambda w: w.renee.pay_all(w.card(), key=f"click:{PAN}")),
    ("as the tenant id", "bridge.tenant(...)", _CARD, lambda w: w.of(PAN)),
    ("as the actor", "bridge.tenant(..., actor=...)", _CARD, lambda w: w.bridge.tenant("L001", "1001", actor=PAN)),
    ("as the facility", "bridge.tenant(...)", "NotFoundError invalid_input", lambda w: w.of("1001", PAN)),
    ("as the facility", "pmsbridge sync --facility ...", "NotFoundError invalid_input",
     lambda w: w.cli("--config", str(w.folder / "pmsbridge.toml"), "sync", "--facility", PAN)),
    ("as the rental", "session.quote(...)", _CARD, lambda w: w.renee.quote(PAN)),
    ("as the unit", "session.reserve(...)", _CARD, lambda w: w.renee.reserve(PAN, TODAY, key=w.key())),
    ("as the means of payment", "session.pay_all(...)", "InputError invalid_input",
     lambda w: w.renee.pay_all(PAN, key=w.key())),  # type: ignore[arg-type]  # wrong on purpose
    ("as a gateway's reference", "ExternalPayment(reference=...)", _CARD,
     lambda w: w.renee.pay_all(ExternalPayment(gateway="g", reference=PAN), key=w.key())),
    ("as a stored method", "StoredMethod(method_id=...)", _CARD,
     lambda w: w.renee.pay_all(StoredMethod(method_id=PAN), key=w.key())),
    ("as an amount", "Money.of(...)", "ValidationError", lambda _: Money.of(PAN, "USD")),
    ("as a new method of autopay", "session.set_autopay(..., method=...)", "InputError invalid_input",
     lambda w: w.renee.set_autopay(w.rental(), on=True, method=PAN, key=w.key())),  # type: ignore[arg-type]  # wrong on purpose
    ("in a search", "bridge.find_tenants(...)", _CARD,
     lambda w: w.bridge.find_tenants("L001", TenantSearch(last_name=PAN))),
    ("as a login", "bridge.accounts.sign_in(...)", _CARD,
     lambda w: w.bridge.accounts.sign_in("L001", PAN, WebPassword(PASSWORD))),
    ("as a new login", "session.change_password(...)", _CARD,
     lambda w: w.renee.change_password(PAN, WebPassword("abcd1"), key=w.key())),
    ("as the id of an action", "pmsbridge actions show ...", "NotFoundError no_action",
     lambda w: w.cli("--config", str(w.folder / "pmsbridge.toml"), "actions", "show", PAN)),
    ("as a word too many", "pmsbridge status ...", "UsageError usage", lambda w: w.cli("status", PAN)),
)  # fmt: skip

CASES: Final = (*ACCESS, *SETTINGS, *SCOPE, *MONEY, *KEYS, *DAYS, *TEXTS, *CARDS)

"""Does the time of an answer tell whether somebody is known? Everything asked in vain at every door, by kind of person.

``python benchmarks/sign_in.py`` prints a table, ``--json`` one object. The kinds take turns, so that a busy machine is
busy for all. Each kind is compared with people nobody knows: the ratio of the medians, and the Mann-Whitney test, whose
z is how many standard deviations the ranks lie from what equal distributions give. The ratio says how large a leak is,
z whether there is one that so many attempts can see. The database is SQLite on disk, the back office is in memory: a
real one only adds noise, the same to all. Some people have a login that the back office keeps, with a password that is
right there: what it says yes to, and the portal no, must not take another time than what it says no to.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from pmsbridge.errors import IneligibleError
from pmsbridge.model.people import Phone, Tenant
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.mailer import Mail
from pmsbridge.settings import AccountSettings, PortalSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice

_RATIO: Final = 0.02
_Z: Final = 3.29
"""Ranks this far off come by chance once in a thousand times."""

_PASSWORD: Final = "fake-pw-77"  # noqa: S105 - obviously fake
_WRONG: Final = "fake-pw-78"
_UNIT, _CODE = "015", "9911#"


class Nowhere:
    """Takes mails and keeps none."""

    def send(self, mail: Mail) -> str:  # noqa: ARG002 - nobody reads it
        """Gone."""
        return "250 ok"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of person at one door.

    Attributes:
        door: "sign-in", "sign-in, kept there" for logins that the back office keeps, "link", "register", "claim".
        ask: Asks once, in vain or without an answer; the number makes names differ.
    """

    door: str
    name: str
    ask: Callable[[int], object]


def opened(folder: Path) -> Bridge:
    """A bridge with people of every kind: T1 has a password, T2 was invited and has none, T3 never heard of it."""
    office = MemoryOffice(SystemClock())
    for number, tenant_id in enumerate(("T1", "T2", "T3"), start=1):
        tenant = office.books.find(Tenant, "F1", tenant_id)
        if tenant is not None:
            office.books.put("F1", tenant.changed(phone=Phone(raw=f"(512) 555-010{number}")))
    office.books.gate_codes["F1", _UNIT] = _CODE
    # T1 has a password of the portal's own, too: what the office says of theirs opens nothing.
    office.books.logins.update({("F1", "ana-office"): (_PASSWORD, "T1"), ("F1", "chloe-office"): (_PASSWORD, "T3")})
    settings = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        portal=PortalSettings(link_address="https://portal.example/enter?token={token}", most_attempts=100),
    )
    bridge = Bridge(
        settings, database=open_database(f"sqlite:///{folder}/door.db"), adapters={"mem": MemoryAdapter(office)},
        mailer=Nowhere(), clock=office.clock,
    )  # fmt: skip
    bridge.sync()
    bridge.accounts.register(
        "F1", phone="5125550101", email="ana@example.test", postal_code="78701", password=WebPassword(_PASSWORD)
    )
    bridge.accounts.invite("F1", "T2", key="invite-0001", actor="staff:ann")
    bridge.runtime.run_due()
    # Work is left to workers, as in a web process.
    bridge.runtime.on_poke = lambda _lane, _at: None
    return bridge


def kinds(bridge: Bridge) -> list[Kind]:
    """Every kind of person at every door; of each door, the first is the one nobody knows."""
    forgive = bridge._doorkeeper.succeeded  # noqa: SLF001 - so that the limit of attempts never answers instead

    def signing_in(name: str, password: str) -> Callable[[int], object]:
        def ask(number: int) -> object:
            login = name.format(number=number)
            forgive("mem", "F1", login)
            return lambda: bridge.accounts.sign_in("F1", login, WebPassword(password))

        return ask

    def linking(name: str) -> Callable[[int], object]:
        def ask(number: int) -> object:
            email = name.format(number=number)
            forgive("mem", "F1", f"link {email}")
            return lambda: bridge.accounts.ask_link("F1", email)

        return ask

    def registering(phone: str, email: str) -> Callable[[int], object]:
        def ask(number: int) -> object:
            for name in (phone, email):
                forgive("mem", "F1", name.format(number=number))

            def act() -> None:
                with suppress(IneligibleError):
                    bridge.accounts.register(
                        "F1", phone=phone.format(number=number), email=email.format(number=number), postal_code="00000"
                    )

            return act

        return ask

    kept = "sign-in, kept there"
    return [
        Kind("sign-in", "unknown address", signing_in("nobody{number}@example.test", _WRONG)),
        Kind("sign-in", "known, wrong password", signing_in("ana@example.test", _WRONG)),
        Kind("sign-in", "known, no password set", signing_in("robert@example.test", _WRONG)),
        Kind("sign-in", "customer without a login", signing_in("chloé@example.test", _WRONG)),
        Kind(kept, "unknown name", signing_in("nobody{number}-office", _WRONG)),
        Kind(kept, "known there, wrong password", signing_in("chloe-office", _WRONG)),
        Kind(kept, "right there, another one here", signing_in("ana-office", _PASSWORD)),
        Kind("link", "unknown address", linking("nobody{number}@example.test")),
        Kind("link", "known, with a password", linking("ana@example.test")),
        Kind("link", "known, no password set", linking("robert@example.test")),
        Kind("register", "unknown number", registering("512555{number:04}", "nobody{number}@example.test")),
        Kind("register", "known number and address", registering("5125550103", "chloé@example.test")),
        Kind("claim", "unknown unit", _claiming(bridge, "9{number:04}", _CODE)),
        Kind("claim", "known unit, wrong code", _claiming(bridge, _UNIT, "1199#")),
        Kind("claim", "right code, a password here", _claiming(bridge, _UNIT, _CODE)),
    ]


def _claiming(bridge: Bridge, unit: str, code: str) -> Callable[[int], object]:
    def ask(number: int) -> object:
        wanted = unit.format(number=number)
        bridge._doorkeeper.succeeded("mem", "F1", f"unit {wanted}")  # noqa: SLF001 - as above

        def act() -> None:
            with suppress(IneligibleError):
                bridge.accounts.claim(
                    "F1", unit_number=wanted, gate_code=GateCode(code), login="new@example.test",
                    password=WebPassword(_WRONG), key=f"claim-{number:06}",
                )  # fmt: skip

        return act

    return ask


def measure(bridge: Bridge, count: int, say: Callable[[str], None]) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of every attempt, the kinds taking turns; the first few of each warm up and do not count."""
    everyone, warm_up = kinds(bridge), max(2, count // 20)
    found: dict[tuple[str, str], list[float]] = {(each.door, each.name): [] for each in everyone}
    for number in range(count + warm_up):
        if number % 50 == 0:
            say(f"turn {number} of {count + warm_up}")
        for place in range(len(everyone)):
            # Another one begins every turn: whoever comes after a slow one is not always the same.
            kind = everyone[(place + number) % len(everyone)]
            act = kind.ask(1000 + number)
            assert callable(act)
            began = time.perf_counter()
            act()
            took = time.perf_counter() - began
            if number >= warm_up:
                found[kind.door, kind.name].append(took * 1000)
    return found


def mann_whitney_z(one: Sequence[float], other: Sequence[float]) -> float:
    """How many standard deviations the ranks of two samples lie apart, by the normal approximation with ties."""
    pooled = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks, ties, start = 0.0, 0.0, 0
    while start < len(pooled):
        end = start
        while end < len(pooled) and pooled[end][0] == pooled[start][0]:
            end += 1
        size, middle = end - start, (start + end + 1) / 2
        ranks += middle * sum(1 for _, which in pooled[start:end] if which == 0)
        ties += size**3 - size
        start = end
    first, second, total = len(one), len(other), len(pooled)
    u = ranks - first * (first + 1) / 2
    variance = first * second / 12 * (total + 1 - ties / (total * (total - 1)))
    return (u - first * second / 2) / math.sqrt(variance) if variance else 0.0


# -- what the figures say ---------------------------------------------------------------------------------------------


def compared(found: Mapping[tuple[str, str], list[float]]) -> list[tuple[str, str, float, float, float]]:
    """Door, kind, median, ratio to and z against the people nobody knows."""
    strangers = {door: times for (door, name), times in found.items() if name.startswith("unknown")}
    return [
        (door, name, statistics.median(times), statistics.median(times) / statistics.median(strangers[door]),
         mann_whitney_z(times, strangers[door]) if times is not strangers[door] else 0.0)
        for (door, name), times in found.items()
    ]  # fmt: skip


def claims(found: Mapping[tuple[str, str], list[float]]) -> list[harness.Claim]:
    """No kind can be told from the unknown."""
    return [
        harness.Claim(
            f"{door}: {name}", f"ratio of medians within {_RATIO:.0%} of 1, or |z| < {_Z}",
            f"{ratio:.4f}, z {z:+.2f}", abs(ratio - 1) <= _RATIO or abs(z) < _Z,
        )
        for door, name, _, ratio, z in compared(found)
        if not name.startswith("unknown")
    ]  # fmt: skip


# -- running ----------------------------------------------------------------------------------------------------------


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _settings() -> argparse.Namespace:
    parser = harness.options("Whether the time of an answer tells whom a portal knows.")
    parser.add_argument("--count", type=int, default=400, help="attempts of each kind")
    settings = parser.parse_args()
    if settings.quick:
        settings.count = 10
    return settings


def main() -> None:
    """Measure, and print."""
    settings = _settings()
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as bridge:
        found = measure(bridge, settings.count, _say)
    lines = [[each[0], each[1], f"{each[2]:.2f}", f"{each[3]:.4f}", f"{each[4]:+.2f}"] for each in compared(found)]
    harness.report(
        f"{settings.count} attempts of each kind, taking turns", ("door", "kind", "median ms", "ratio", "z"), lines,
        claims(found), harness.machine(["argon2-cffi", "sqlalchemy"]), as_json=settings.json,
    )  # fmt: skip


if __name__ == "__main__":
    main()

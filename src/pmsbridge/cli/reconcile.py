"""``pmsbridge reconcile``: our payments beside the back office's, before it closes the day."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.cli.days import DAY, read_day
from pmsbridge.cli.findings import EXIT_A_PERSON_MUST_LOOK
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, facts_of, print_json, print_table, say
from pmsbridge.errors import ConfigurationError, InputError, UnavailableError

if TYPE_CHECKING:
    from pmsbridge.engine.reconcile.difference import Difference
    from pmsbridge.engine.reconcile.matching import Asked, Pair, Shown
    from pmsbridge.engine.reconcile.report import FacilityReport, ReconcileReport
    from pmsbridge.model.money import Money

__all__ = ["reconcile", "report_facts"]

_COLUMNS: Final = (
    "account", "facility", "day", "kind", "needs_a_person", "closed_by", "tenant_id", "rental_id", "unit_number",
    "amount", "currency", "actions", "payments", "what", "remedy",
)  # fmt: skip


def reconcile(
    context: typer.Context,
    facility: Annotated[
        list[str] | None, typer.Option("--facility", help="Only this one (L001 or ACCOUNT/L001); may be repeated.")
    ] = None,
    day: Annotated[
        date | None, typer.Option(parser=read_day, metavar=DAY, help="One business day; today by default.")
    ] = None,
    since: Annotated[
        date | None, typer.Option(parser=read_day, metavar=DAY, help="First business day of several.")
    ] = None,
    until: Annotated[
        date | None, typer.Option(parser=read_day, metavar=DAY, help="Last business day, inclusive.")
    ] = None,
    close: Annotated[
        str | None, typer.Option(metavar="HH:MM", help="When the back office closes its day; else the setting.")
    ] = None,
    every_rental: Annotated[
        bool, typer.Option("--every-rental", help="Read all rentals, one call each, not only those paid through us.")
    ] = False,
    csv_file: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write CSV; - for the screen.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare our payments with the back office. Changes no payment. Exit code 9 when a person must look."""
    first, last = _days(day, since, until)
    if as_json and csv_file == "-":
        raise InputError("--csv", "and --json cannot both go to the screen", remedy="Name a file.")
    with open_bridge(context, tells_failures=True) as bridge:
        report = bridge.reconcile(
            facility or None, since=first, until=last, close_at=_close(close), every_rental=every_rental
        )
    if csv_file is not None:
        _write_csv(csv_file, report)
    if as_json:
        print_json(report_facts(report))
    elif csv_file != "-":
        for each in report.facilities:
            _print(each)
    _finish(report)


def _days(day: date | None, since: date | None, until: date | None) -> tuple[date | None, date | None]:
    if day is not None and (since is not None or until is not None):
        raise InputError("--day", "does not go together with --since and --until", remedy="Give one or the other.")
    return (day, day) if day is not None else (since, until)


def _close(word: str | None) -> time | None:
    if word is None:
        return None
    try:
        return datetime.strptime(word, "%H:%M").time()  # noqa: DTZ007 - a time of day at the facility
    except ValueError:
        raise InputError("--close", "is no time of day", remedy='Write it as "23:00".') from None


def _finish(report: ReconcileReport) -> None:
    """What is left for a person, and the exit code."""
    for each in report.facilities:
        for row in each.unread:
            what = f"rental {row.rental_id}" if row.rental_id else "everything"
            say(f"{each.account}/{each.facility}: {what} could not be read: {row.why}")
    if report.for_a_person:
        say(f"{len(report.for_a_person)} to look at; they are in the findings: pmsbridge findings list")
        raise typer.Exit(EXIT_A_PERSON_MUST_LOOK)
    if report.unread:
        is_ours = all(row.a_person_must_act for row in report.unread)
        raise typer.Exit((ConfigurationError if is_ours else UnavailableError).exit_code)


# -- on the screen -----------------------------------------------------------------------------------------------------


def _print(report: FacilityReport) -> None:
    days = report.since.isoformat() if report.since == report.until else f"{report.since} to {report.until}"
    print_table(
        f"{report.account}/{report.facility}, {days}",
        [">rentals read", ">of", ">back office", ">of it ours", ">of it not ours", ">found"],
        [(report.rentals_read, report.rentals_known, *_totals(report), len(report.found))],
    )
    say(f"{report.account}/{report.facility}: {_when(report)}")
    rows = [
        (row.kind.value, row.rental_id, row.unit_number or None, row.what, _to_do(row)) for row in report.differences
    ]
    if rows:
        print_table("", ["!what", "rental", "unit", "evidence", "to do"], rows)
    elif not report.unread:
        say(f"{report.account}/{report.facility}: {_agreement(report)}")


def _agreement(report: FacilityReport) -> str:
    """What "no difference" is about: rentals that were not read may hide one."""
    if report.rentals_read == report.rentals_known:
        return "both sides agree."
    others = f"{report.rentals_known - report.rentals_read} others were not read: --every-rental reads them too."
    if not report.rentals_read:
        return f"nothing was compared, the journal holds no payment of these days; {others}"
    return f"both sides agree on the rentals that were paid through us; {others}"


def _to_do(row: Difference) -> str:
    return f"nothing: {row.closed_by} closed its finding" if row.closed_by else row.remedy


def _totals(report: FacilityReport) -> list[str]:
    return [_money(amounts) for amounts in (report.shown_total, report.found_total, report.alone_total)]


def _money(amounts: Iterable[Money]) -> str:
    return ", ".join(str(amount) for amount in amounts) or "-"


def _when(report: FacilityReport) -> str:
    read = f"read at {report.read_at:%Y-%m-%d %H:%M:%S}Z"
    if report.before_close is None:
        return f"{read}; when the back office closes its day is not known (--close, schedule.daily_close)."
    if report.before_close:
        return f"{read}, before the daily close at {report.close_at:%H:%M}: a payment can still be voided."
    return f"{read}, after the daily close: a payment can no longer be voided, only refunded."


# -- for machines ------------------------------------------------------------------------------------------------------


def report_facts(report: ReconcileReport) -> dict[str, Any]:
    """A report as JSON holds it."""
    return {
        "clean": report.is_clean,
        "started_at": report.started_at,
        "facilities": [_facility_facts(each) for each in report.facilities],
    }


def _facility_facts(report: FacilityReport) -> dict[str, Any]:
    return {
        **facts_of(report, "account", "facility", "since", "until"),
        "close_at": f"{report.close_at:%H:%M}" if report.close_at else None,
        **facts_of(report, "before_close", "read_at", "rentals_read", "rentals_known"),
        "unread": [{"rental_id": row.rental_id or None, "why": row.why} for row in report.unread],
        "totals": {
            "back_office": list(report.shown_total),
            "ours": list(report.found_total),
            "not_ours": list(report.alone_total),
        },
        "found": [_pair_facts(pair) for pair in report.found],
        "differences": [_difference_facts(row) for row in report.differences],
    }


def _pair_facts(pair: Pair) -> dict[str, Any]:
    told = {"told_by": pair.by.value, "might_be": list(pair.might_be)}
    return {"asked": _asked_facts(pair.asked), "shown": _shown_facts(pair.shown), **told}


def _difference_facts(row: Difference) -> dict[str, Any]:
    return {
        "kind": row.kind.value,
        "needs_a_person": row.needs_a_person,
        "closed_by": row.closed_by or None,
        **facts_of(row, "day", "tenant_id", "rental_id"),
        "unit_number": row.unit_number or None,
        "amount": row.amount,
        "asked": [_asked_facts(each) for each in row.asked],
        "shown": [_shown_facts(each) for each in row.shown],
        **facts_of(row, "what", "remedy"),
    }


def _asked_facts(row: Asked) -> dict[str, Any]:
    return {
        **facts_of(row, "action_id", "step", "outcome", "amount", "asked_at", "settled_at"),
        "vendor_ids": sorted(row.vendor_ids),
        "references": sorted(row.references),
        "evidence": row.evidence,
    }


def _shown_facts(row: Shown) -> dict[str, Any]:
    return {
        "payment_id": row.payment_id,
        "receipt": row.receipt or None,
        **facts_of(row, "amount", "day", "state"),
        "reference": row.reference or None,
        "means": row.words or None,
    }


def _write_csv(name: str, report: ReconcileReport) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_csv_rows(report))
    if name == "-":
        sys.stdout.write(text.getvalue())
        sys.stdout.flush()
        return
    try:
        Path(name).write_text(text.getvalue(), encoding="utf-8")
    except OSError as problem:
        raise InputError("--csv", f"cannot be written ({problem.strerror})") from None


def _csv_rows(report: ReconcileReport) -> Sequence[Sequence[str]]:
    """One row per difference, then one per payment that was found."""
    rows: list[Sequence[str]] = []
    for each in report.facilities:
        place = {"account": each.account, "facility": each.facility}
        rows.extend(_csv_row({**place, **_flat(row)}) for row in each.differences)
        rows.extend(_csv_row({**place, **_flat_pair(pair)}) for pair in each.found)
    return rows


def _csv_row(facts: Mapping[str, object]) -> list[str]:
    return [_safe(str(facts[name])) for name in _COLUMNS]


def _safe(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _flat(row: Difference) -> dict[str, object]:
    return {
        "day": row.day, "kind": row.kind.value, "needs_a_person": "yes" if row.needs_a_person else "no",
        "closed_by": row.closed_by, "tenant_id": row.tenant_id, "rental_id": row.rental_id,
        "unit_number": row.unit_number, "amount": row.amount.amount, "currency": row.amount.currency,
        "actions": " ".join(each.name for each in row.asked), "payments": " ".join(s.payment_id for s in row.shown),
        "what": row.what, "remedy": row.remedy,
    }  # fmt: skip


def _flat_pair(pair: Pair) -> dict[str, object]:
    asked, shown = pair.asked, pair.shown
    return {
        "day": shown.day, "kind": "found", "needs_a_person": "no", "closed_by": "", "tenant_id": asked.tenant_id,
        "rental_id": asked.rental_id, "unit_number": asked.unit_number, "amount": shown.amount.amount,
        "currency": shown.amount.currency, "actions": asked.name, "payments": shown.payment_id,
        "what": f"{asked.outcome.value}, told by {pair.by.value}", "remedy": "",
    }  # fmt: skip

"""Rules about the portal itself: licences, abilities of the back office, sections, who asks."""

from __future__ import annotations

from pmsbridge.actions.case import Case, No, Rule
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.sections import SECTION_OF, Section

__all__ = [
    "billing_open_to_tenants",
    "copied",
    "licensed",
    "portal_open",
    "priced_ahead",
    "section_open",
    "something_to_order",
    "staff_only",
    "supported",
]


def licensed(needed: str) -> Rule:
    """The operator has a licence for the effect."""

    def rule(case: Case) -> No | None:
        if needed in case.subject.rules.unlicensed:
            return No("not_licensed", "The office's system is not licensed for this.", "Please call the office.")
        return None

    return rule


def supported(needed: str) -> Rule:
    """The back office, or its staff, can carry the effect out."""

    def rule(case: Case) -> No | None:
        if needed in case.subject.native or case.subject.is_emulated(needed):
            return None
        return No("not_supported", f"This back office cannot {needed.replace('_', ' ')}.")

    return rule


def priced_ahead(case: Case) -> No | None:
    """The back office has a price for months ahead."""
    if not case.subject.quotes_ahead:
        return No("not_supported", "This back office does not say what months ahead cost.")
    return None


def portal_open(case: Case) -> No | None:
    """Web access is not switched off for this tenant."""
    if case.account.tenant.portal_disabled:
        return No("portal_disabled", "Web access is switched off for this account.", "Please call the office.")
    return None


def copied(case: Case) -> No | None:
    """Where only known tenants may act, the nightly copy holds this one. Staff may always act."""
    subject = case.subject
    if subject.rules.needs_copy and not subject.is_copied and not subject.is_staff:
        return No(
            "not_copied", "This account is not known to the portal yet.",
            "Please try again after the next nightly update, or call the office.",
        )  # fmt: skip
    return None


def something_to_order(case: Case) -> No | None:
    """The shop has something."""
    if not case.subject.rules.shop:
        return No("nothing_to_order", "There is nothing to order here.", "Please call the office.")
    return None


def file_fits(case: Case) -> No | None:
    """A file is no larger than the operator and the back office take; a form is told how large one may be."""
    subject = case.subject
    largest = min(subject.rules.largest_file, subject.largest_file or subject.rules.largest_file)
    case.facts["largest_file"] = str(largest)
    if case.asked.file_bytes is not None and case.asked.file_bytes > largest:
        return No(
            "file_too_large", f"A file may have at most {largest:,} bytes here.", "Please hand in a smaller file."
        )
    return None


def staff_only(case: Case) -> No | None:
    """Somebody of the staff asks."""
    if not case.subject.is_staff:
        return No("staff_only", "Only the office can do this.", "Please call the office.")
    return None


def section_open(kind: ActionKind) -> Rule:
    """The section of the verb is not switched off."""

    def rule(case: Case) -> No | None:
        section = SECTION_OF.get(kind)
        is_closed = section is not None and section in case.subject.rules.closed_sections
        return _section_off(section) if section is not None and is_closed else None

    return rule


def billing_open_to_tenants(case: Case) -> No | None:
    """Tenants have a page to pay on: nobody is mailed a link to one that is switched off."""
    return _section_off(Section.BILLING) if Section.BILLING in case.subject.closed_to_tenants else None


def _section_off(section: Section) -> No:
    return No(
        "section_off", f"The section {section.value} is switched off at this facility.", "Please call the office."
    )

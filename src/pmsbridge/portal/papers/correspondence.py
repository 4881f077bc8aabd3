"""Who writes to whom: the head of a paper and its addressee, from the settings and the back office's own records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pmsbridge.model.letterhead import Letterhead
from pmsbridge.model.people import PostalAddress, Tenant
from pmsbridge.model.places import Facility
from pmsbridge.portal.papers.formats import one_line
from pmsbridge.portal.papers.labels import label

__all__ = ["Correspondence"]


@dataclass(frozen=True, slots=True)
class Correspondence:
    """One paper's sender and addressee.

    Attributes:
        letterhead: As the operator set it; what is empty there is taken from the facility.
        language: "en" or "fr".
    """

    letterhead: Letterhead
    facility: Facility
    tenant: Tenant
    language: str

    @property
    def sender(self) -> tuple[str, ...]:
        """The company, and below it how to reach it."""
        name = self.letterhead.name or self.facility.name
        return (
            one_line(name),
            *(one_line(line) for line in self.letterhead.lines or tuple(self._facility_lines()) if line),
        )

    def _facility_lines(self) -> Iterator[str]:
        if self.letterhead.name and self.facility.name != self.letterhead.name:
            yield self.facility.name
        yield from _address_lines(self.facility.address)
        yield self.facility.phone.raw if self.facility.phone is not None else ""
        yield self.facility.email

    @property
    def addressee(self) -> tuple[str, ...]:
        """The tenant's company and name, and the postal address."""
        name = self.tenant.name
        lines = dict.fromkeys([name.company, name.full, *_address_lines(self.tenant.address)])
        return tuple(one_line(line) for line in lines if line)

    def say(self, key: str, **facts: str) -> str:
        """The words of a key in the paper's language."""
        return label(key, self.language, **facts)


def _address_lines(address: PostalAddress) -> Iterator[str]:
    """An address as it stands on a letter: the postal code follows the region where there is one, else it goes first.

    There is no common code of countries over vendors to tell it by.
    """
    yield address.line1
    yield address.line2
    if address.region:
        place = ", ".join(part for part in (address.city, address.region) if part)
        yield f"{place} {address.postal_code}".strip()
    else:
        yield f"{address.postal_code} {address.city}".strip()
    yield address.country

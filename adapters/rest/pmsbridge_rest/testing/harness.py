"""An adapter and the sandbox that is made of its mapping, put together for the kit of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    PostBulletin,
    SetAutopay,
    SetConsent,
    TakePayment,
)
from pmsbridge.errors import ConfigurationError
from pmsbridge.testing.conformance import Example, Subject
from pmsbridge_rest.adapter import create
from pmsbridge_rest.mapping.document import Mapping as MappingDocument
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.matching import case_fits
from pmsbridge_rest.samples import sample_effects, sample_file
from pmsbridge_rest.sandbox import Office, SandboxServer, Terms
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing.judging import OfficeJudge
from pmsbridge_rest.testing.playing import account_options

__all__ = ["OfficeClock", "SandboxSecrets", "account_options", "examples_of", "opened_subject", "terms_for"]

_START: Final = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
_REST_SECONDS: Final = 61.0
_TENANT, _NOBODY = "1001", "9999999"
_LEAVING_RENTAL: Final = "2002"
_LEAVES_IN_DAYS: Final = 45


class OfficeClock:
    """Time for both sides: sleeping moves it, and takes none."""

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._slept = 0.0

    def now(self) -> datetime:
        """The present."""
        return self._start + timedelta(seconds=self._slept)

    def monotonic(self) -> float:
        """Seconds."""
        return self._slept

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self._slept += seconds


class SandboxSecrets:
    """A sandbox's made-up secrets, by reference."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = {f"env:{name}": word for name, word in words.items()}

    def get(self, reference: str) -> str:
        """What is behind a reference."""
        return self._words[reference]


def examples_of(mapping: MappingDocument, today: date, *, currency: str = "USD") -> list[EffectBody]:
    """One effect for everything that a mapping promises.

    Raises:
        ConfigurationError: Nothing that is known fits an action.
    """
    found: list[EffectBody] = []
    for kind, action in mapping.actions.items():
        fitting = [
            each
            for each in sample_effects(kind, today=today, currency=currency)
            if case_fits(action.accepts, each) and _can_be_written(mapping, each)
        ]
        if not fitting:
            message = f"no sample of {kind} fits what the action accepts"
            raise ConfigurationError(message, code="no_sample")
        effect = fitting[0]
        if isinstance(effect, CancelMoveOut):
            effect = effect.model_copy(update={"rental_id": _LEAVING_RENTAL})
        found.append(effect)
    return found


def _can_be_written(mapping: MappingDocument, effect: EffectBody) -> bool:
    if isinstance(effect, ChangeContact):
        fields = mapping.entities["tenants"].fields
        return all(name in fields and fields[name].is_written for name in effect.changes)
    if isinstance(effect, SetConsent):
        consents = mapping.entities["tenants"].consents
        wanted = (effect.channel.value, effect.purpose.value)
        return any((one.channel, one.purpose) == wanted and one.dir != "read" for one in consents)
    return True


def terms_for(effects: list[EffectBody]) -> Terms:
    """A beginning in which none of these effects is done."""
    on = {effect.rental_id for effect in effects if isinstance(effect, SetAutopay) and not effect.on}
    said = {
        f"{effect.channel.value}.{effect.purpose.value}": not effect.granted
        for effect in effects
        if isinstance(effect, SetConsent)
    }
    usual = {"email.marketing": True, "sms.marketing": True, "sms.payment_reminders": False}
    return Terms(
        autopay_on=frozenset(on), leaving_in={_LEAVING_RENTAL: _LEAVES_IN_DAYS}, consents={**usual, **said}
    )  # fmt: skip


def _by_staff(office: Office, mapping: MappingDocument, effect: EffectBody) -> Callable[[], object] | None:
    """How staff enter what looks like an effect: the same, without anything that only ours has.

    None for states, and where the mapping says that tenant, amount and day are all that tells ours (``natural_key``):
    what staff enter has those, too, and the capability says so.
    """
    kind: str = getattr(effect, "kind", "")
    if any(step.idempotency.by == "natural_key" for step in mapping.actions[kind].steps):
        return None
    match effect:
        case TakePayment(parts=parts):

            def pay() -> None:
                for part in parts:
                    office.pay_at_the_desk(part.rental_id, part.amount.amount)

            return pay
        case AddNote() | PostBulletin():
            told = effect.model_dump(include={"tenant_id", "rental_id", "text", "subject", "body", "due_on"})
            return lambda: office.write_at_the_desk(kind, told)
    return None


@contextmanager
def opened_subject(mapping: Path | str, *, vendor: Path | str | None = None) -> Iterator[Subject]:
    """An adapter by a mapping, and the sandbox that it is judged by, on loopback; both end with the block.

    Args:
        mapping: A mapping file, or the name of one that comes with the adapter.
        vendor: The mapping that the sandbox is made of, where that is another: a mapping that does not tell the truth
            about its vendor is found out by the vendor's own.

    Raises:
        ConfigurationError: The mapping cannot be used.
        CannotPlayError: The mapping needs something that the sandbox does not have.
    """
    clock = OfficeClock()
    document = load_mapping(file_of(str(mapping)))
    effects = examples_of(document, clock.now().date())
    office = Office(file_of(str(vendor or mapping)), terms_for(effects), now=clock.now)
    with SandboxServer(office) as server:
        options = account_options(office, mapping, document, server.base_url)
        adapter = create("main", options, secrets=SandboxSecrets(office.secrets), clock=clock)
        yield Subject(
            adapter=adapter,
            judge=OfficeJudge(office, lambda: clock.sleep(_REST_SECONDS)),
            examples=[
                Example(effect, file=sample_file(effect), by_staff=_by_staff(office, document, effect))
                for effect in effects
            ],
            facility=office.terms.facility,
            tenant_id=_TENANT,
            unknown_tenant_id=_NOBODY,
            now=clock.now,
            poison=list(office.secrets.values()),
        )
        adapter.close()

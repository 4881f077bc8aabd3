"""What the yard's story is played on: the back office, a mail server, settings and an open bridge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pmsbridge.cli.demo.sink import Sink, mail_sink
from pmsbridge.cli.demo.stage import WAIT, story_folder, until_known, write_settings
from pmsbridge.cli.demo.yard.control import YardControl
from pmsbridge.errors import UnavailableError
from pmsbridge.registry import SandboxPlugin
from pmsbridge.settings import FILE_NAME

if TYPE_CHECKING:
    from pmsbridge import ActionView, Bridge, TenantSession

__all__ = ["RENTER", "YardStage", "set_yard"]

RENTER = "renter"


@dataclass(frozen=True, slots=True)
class YardStage:
    """Everything a scene may use.

    Attributes:
        facility: The yard's code.
        zone: Its time zone.
        people: What is known of everybody, by the part they play.
    """

    bridge: Bridge
    control: YardControl
    sink: Sink
    facility: str
    zone: str
    people: dict[str, dict[str, Any]]

    @property
    def renter_id(self) -> str:
        """The customer whom the story is about."""
        return str(self.people[RENTER]["tenant_id"])

    @property
    def contract_id(self) -> str:
        """The contract of which something is out."""
        return str(self.people[RENTER]["contract"])

    @property
    def invoice_id(self) -> str:
        """The invoice that is to be paid."""
        return str(self.people[RENTER]["invoice"])

    @property
    def session(self) -> TenantSession:
        """That customer in the portal."""
        return self.bridge.tenant(self.facility, self.renter_id)

    @property
    def today(self) -> date:
        """The business date at the yard."""
        return datetime.now(ZoneInfo(self.zone)).date()

    def owed(self) -> Decimal:
        """What the books say that the customer owes."""
        return Decimal(self.control.balance(self.renter_id))

    def until_known(self, action_id: str) -> ActionView:
        """Let the engine work until nobody waits any more."""
        return until_known(self.bridge, self.session, action_id)


@contextmanager
def set_yard(plugin: SandboxPlugin, keep: Path | None) -> Iterator[YardStage]:
    """Start everything, and stop everything at the end.

    Raises:
        ConfigurationError: A part the demonstration needs is not installed.
        InputError: The folder to keep is not empty, is no folder, or cannot be made.
        UnavailableError: The back office does not start on this machine.
    """
    from pmsbridge import Bridge

    with ExitStack() as stack:
        folder = story_folder(stack, keep)
        sink = stack.enter_context(mail_sink())
        try:
            control: YardControl = stack.enter_context(plugin.spawn())
        except RuntimeError as problem:
            message = f"the sandbox {plugin.name!r} cannot run here: {problem}"
            raise UnavailableError(message, code="sandbox") from None
        write_settings(folder / FILE_NAME, plugin.name, control.base_url, sink.port)
        bridge = stack.enter_context(Bridge.from_config(folder / FILE_NAME, wait=WAIT))
        (adapter,) = bridge.adapters.values()
        (facility,) = adapter.facility_codes
        zone = adapter.facility(facility).zone
        yield YardStage(bridge, control, sink, facility, zone, control.showcase())

"""What the story is played on: a back office in its own process, a mail server, settings and an open bridge."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.cli.demo.books import Books, Control
from pmsbridge.cli.demo.sink import Sink, mail_sink
from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge.cli.sandbox import named_sandbox
from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge.registry import sandboxes
from pmsbridge.settings import FILE_NAME

if TYPE_CHECKING:
    from pmsbridge import ActionView, Bridge, TenantSession

__all__ = ["WAIT", "Stage", "set_stage", "story_data", "story_folder", "until_known", "write_settings"]

_SEED: Final = 7
_SITES: Final = 2
_UNITS: Final = 60
_PAYMENT_SHOWS_AFTER: Final = timedelta(seconds=1)
_SETTLE_WINDOW: Final = timedelta(seconds=3)
WAIT: Final = timedelta(0)
"""Nobody in the story waits out a settle window in front of the screen, so that pending can be seen."""

_PATIENCE: Final = timedelta(seconds=30)
_DATA: Final = "demo.toml"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a scene may use.

    Attributes:
        facility: Where the story plays.
        zone: Time zone of that facility.
        people: Tenant ids by the part they play.
        payment_operations: How the sandbox calls the operations that take a payment, as a pattern.
    """

    bridge: Bridge
    control: Control
    books: Books
    sink: Sink
    folder: Path
    facility: str
    people: dict[str, str]
    names: dict[str, str]
    payment_operations: str
    zone: str

    def session(self, part: str) -> TenantSession:
        """The session of the tenant who plays a part."""
        return self.bridge.tenant(self.facility, self.people[part])

    @property
    def today(self) -> date:
        """The business date at the facility."""
        return datetime.now(ZoneInfo(self.zone)).date()

    def until_known(self, session: TenantSession, action_id: str) -> ActionView:
        """Let the engine work until nobody waits any more; see ``until_known``."""
        return until_known(self.bridge, session, action_id)

    def let_payments_show(self) -> None:
        """Wait until the back office shows in its reads what it has taken."""
        time.sleep(_PAYMENT_SHOWS_AFTER.total_seconds() + 0.2)


def until_known(bridge: Bridge, session: TenantSession, action_id: str) -> ActionView:
    """Let the engine work until nobody waits any more; the engine's own clock decides when it looks.

    Raises:
        ConfigurationError: It took longer than any back office of a story needs.
    """
    end = time.monotonic() + _PATIENCE.total_seconds()
    while time.monotonic() < end:
        bridge.runtime.run_due()
        view = session.action(action_id)
        if view.outcome.is_final and not _has_open_steps(view):
            return view
        time.sleep(0.1)
    raise ConfigurationError("the story got stuck: an action stayed pending", code="stuck")


def _has_open_steps(view: ActionView) -> bool:
    return any(not step.outcome.is_final for step in view.steps)


@contextmanager
def set_stage(back_office: str, keep: Path | None) -> Iterator[Stage]:
    """Start everything, and stop everything at the end.

    Args:
        back_office: Name of a sandbox; empty for the first installed one.
        keep: Folder to leave settings and journal in; None for a temporary one that is removed.

    Raises:
        ConfigurationError: A part the demonstration needs is not installed.
        InputError: The folder to keep is not empty, is no folder, or cannot be made.
    """
    from pmsbridge import Bridge

    plugin = named_sandbox(back_office)
    with ExitStack() as stack:
        folder = story_folder(stack, keep)
        sink = stack.enter_context(mail_sink())
        control: Any = stack.enter_context(plugin.spawn(seed=_SEED, units=_UNITS, sites=_SITES))
        control.settings(payment_delay=_PAYMENT_SHOWS_AFTER.total_seconds())
        write_settings(folder / FILE_NAME, plugin.name, control.base_url, sink.port)
        bridge = stack.enter_context(Bridge.from_config(folder / FILE_NAME, wait=WAIT))
        figures = control.showcase()
        facility = str(next(iter(figures.values()))["location"])
        adapter, code = bridge.place(facility)
        yield Stage(
            bridge=bridge,
            control=control,
            books=Books(control, facility),
            sink=sink,
            folder=folder,
            facility=facility,
            people={role: str(figure["tenant_id"]) for role, figure in figures.items()},
            names={role: str(figure["name"]) for role, figure in figures.items()},
            payment_operations=_payment_operations(plugin.name),
            zone=adapter.facility(code).zone,
        )


def story_folder(stack: ExitStack, keep: Path | None) -> Path:
    """Where settings and journal are while a story is told, and afterwards, if they are kept.

    Raises:
        InputError: The folder to keep is not empty, is no folder, or cannot be made.
    """
    if keep is None:
        return Path(stack.enter_context(TemporaryDirectory(prefix="pmsbridge-demo-")))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except OSError as error:
        raise InputError("keep", f"{keep} cannot be used ({error.strerror})", remedy="Name a new folder.") from None
    if not is_empty:
        raise InputError("keep", f"{keep} is not empty", remedy="Name a new folder.")
    return keep.resolve()


def write_settings(path: Path, name: str, url: str, mail_port: int) -> None:
    """Settings of a story: a sandbox, a mail server, and a short wait before an unknown outcome is looked for."""
    window = int(_SETTLE_WINDOW.total_seconds())
    write_sandbox_settings(
        path,
        name,
        url,
        mail=f'host = "127.0.0.1"\nport = {mail_port}\nsender = "portal@example.com"\n',
        engine=f'settle_window = "{window}s"\n',
    )


def _payment_operations(name: str) -> str:
    return str(story_data(name)["payment_operations"])


def story_data(name: str) -> dict[str, Any]:
    """What a sandbox says about the story it can play.

    Raises:
        ConfigurationError: It says nothing.
    """
    text = sandboxes().beside(name, _DATA)
    if text is None:
        message = f"the sandbox {name!r} brings no {_DATA}; it cannot play a story"
        raise ConfigurationError(message, code="no_story")
    return tomllib.loads(text)

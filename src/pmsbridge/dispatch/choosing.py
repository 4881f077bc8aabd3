"""The dispatcher that settings name."""

from __future__ import annotations

from pmsbridge.dispatch.embedded import EmbeddedDispatcher
from pmsbridge.dispatch.inline import InlineDispatcher
from pmsbridge.dispatch.port import Dispatcher
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.settings.sections import DispatchSettings, StoreSettings

__all__ = ["make_dispatcher"]


def make_dispatcher(
    runtime: Runtime, settings: DispatchSettings, *, store: StoreSettings, secrets: Secrets
) -> Dispatcher:
    """Put together what settings name; it starts no thread and connects to nothing yet.

    Args:
        runtime: Whose work.
        settings: Which, and how.
        store: Where the queue lives when no broker is named and Procrastinate carries the wake-ups.
        secrets: Where passwords come from.

    Raises:
        ConfigurationError: A library is missing, the broker is not named, or is no address that fits.
    """
    if settings.by == "inline":
        return InlineDispatcher(runtime, sweep_every=settings.sweep_every)
    if settings.by == "embedded":
        return EmbeddedDispatcher(runtime, concurrency=settings.concurrency, sweep_every=settings.sweep_every)
    if settings.by == "procrastinate":
        return _procrastinate(runtime, settings, settings.address(secrets) or store.address(secrets))
    return _celery(runtime, settings, settings.address(secrets))


def _procrastinate(runtime: Runtime, settings: DispatchSettings, address: str) -> Dispatcher:
    try:
        from pmsbridge.dispatch.by_procrastinate import ProcrastinateDispatcher  # noqa: PLC0415 - an extra
    except ImportError:
        message = "dispatch.by = \"procrastinate\" needs more; run: pip install 'pmsbridge[postgres]'"
        raise ConfigurationError(message, code="no_procrastinate") from None
    return ProcrastinateDispatcher(runtime, address, sweep_every=settings.sweep_every, concurrency=settings.concurrency)


def _celery(runtime: Runtime, settings: DispatchSettings, broker: str | None) -> Dispatcher:
    try:
        from pmsbridge.dispatch.by_celery import CeleryDispatcher, make_app  # noqa: PLC0415 - an extra
    except ImportError:
        message = "dispatch.by = \"celery\" needs more; run: pip install 'pmsbridge[celery]'"
        raise ConfigurationError(message, code="no_celery") from None
    if broker is None:
        message = 'dispatch.by = "celery" needs dispatch.broker, such as redis://127.0.0.1:6379/0'
        raise ConfigurationError(message, code="dispatch_broker")
    try:
        dispatcher = CeleryDispatcher(
            make_app(broker), lambda: runtime, sweep_every=settings.sweep_every, concurrency=settings.concurrency
        )
        dispatcher.attach()
    except Exception as error:  # noqa: BLE001 - the library takes an address apart in ways, and with errors, of its own
        problem = type(error).__name__
    else:
        return dispatcher
    message = f"dispatch.broker is no address of a queue that can be used, such as redis://127.0.0.1:6379/0 ({problem})"
    raise ConfigurationError(message, code="dispatch_broker")

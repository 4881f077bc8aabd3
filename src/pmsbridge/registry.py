"""Which back offices are installed: adapters and sandboxes, found through entry points and loaded on first use."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.ports.adapter import Adapter, AdapterPlugin, Secrets
from pmsbridge.ports.calls import CallGate

__all__ = [
    "ADAPTERS",
    "MAPPINGS",
    "SANDBOXES",
    "MappingFormat",
    "Plugins",
    "PreparedSandbox",
    "Sandbox",
    "SandboxPlugin",
    "adapters",
    "build_adapter",
    "mapping_formats",
    "sandboxes",
]

ADAPTERS: Final = "pmsbridge.adapters"
"""Entry point group of adapters; each points at an ``AdapterPlugin``."""

SANDBOXES: Final = "pmsbridge.sandboxes"
"""Entry point group of sandboxes; each points at a ``SandboxPlugin``."""

MAPPINGS: Final = "pmsbridge.mappings"
"""Entry point group of mapping formats; each points at a ``MappingFormat``."""

_P_co = TypeVar("_P_co", covariant=True)


class Sandbox(Protocol):
    """A running sandbox, seen from outside: what its back office holds, and how to break it."""

    @property
    def base_url(self) -> str:
        """Where it listens, on loopback."""


class SandboxPlugin(Protocol):
    """What an entry point of ``pmsbridge.sandboxes`` points at: a faithful stand-in for a back office."""

    @property
    def name(self) -> str:
        """Short name, the entry point's own."""

    def serve(
        self,
        *,
        port: int,
        seed: int,
        units: int,
        sites: int,
        today: date | None = None,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        """Serve until interrupted; ``ready`` is told the address once it listens. Port 0 takes a free one."""

    @property
    def spawn(self) -> Callable[..., AbstractContextManager[Any]]:
        """Run it as a process of its own for as long as the context is open; yields its control client."""


@runtime_checkable
class PreparedSandbox(Protocol):
    """A sandbox plugin that has to build something before it can run: once, in minutes, kept on this machine."""

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Build what is missing; ``tell`` hears what takes long, before it begins.

        Raises:
            RuntimeError: It cannot be built on this machine; the text says why.
        """


class MappingFormat(Protocol):
    """What an entry point of ``pmsbridge.mappings`` points at: tools for files that say how a back office is spoken to.

    They look at files and send nothing.
    """

    @property
    def name(self) -> str:
        """Short name, the entry point's own."""

    def lint(
        self, file: Path, *, production: bool = False, openapi: Path | None = None, examples: Path | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """What is wrong or doubtful: ``line``, ``column``, ``key``, ``what``, ``rule``, ``level``.

        The level is ``error``, ``warning``, or ``note`` for what nobody is to take for looked at.

        Raises:
            ConfigurationError: A file cannot be read.
        """

    def actions(self, file: Path) -> Sequence[str]:
        """What a file says how to do.

        Raises:
            ConfigurationError: The file cannot be used.
        """

    def preview(
        self, file: Path, action: str, *, effect: Path | None = None, options: Mapping[str, str] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """The requests of an action, to the letter.

        Each has ``step``, ``purpose``, ``method``, ``url``, ``query``, ``headers``, ``body``, ``encoding``, ``note``.

        Raises:
            ConfigurationError: The file cannot be used, or the effect cannot be said.
        """

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of the files, for editors."""

    def scaffold(self, openapi: Path, *, name: str = "", evidence: str = "third_party_spec") -> str:
        """A draft of a file from a vendor's OpenAPI document.

        Raises:
            ConfigurationError: The document cannot be read.
        """

    def prove(self, file: Path, *, vendor: Path | None = None) -> Iterator[Mapping[str, Any]]:
        """Every promise of a file, held against the back office that is made of it, each as soon as it is known.

        Each has ``check``, ``about``, ``weather``, ``words``, ``result`` (ok, not_possible, failed), ``expected``,
        ``seen``; what failed also ``calls``, ``line``, ``column`` and ``key``.

        Args:
            file: The file, or the name of one that is shipped.
            vendor: The file that the back office is made of, where that is another.

        Raises:
            ConfigurationError: A file cannot be used, or cannot be played.
        """

    def play(
        self, file: Path, *, port: int, ready: Callable[[str, Mapping[str, Any], Mapping[str, str]], None]
    ) -> None:
        """Serve the back office that a file speaks to, on loopback, until interrupted.

        Args:
            file: The file, or the name of one that is shipped.
            port: 0 takes a free one.
            ready: Told once that it listens: its address, an account's options with ``env:NAME`` for each secret, and
                its worthless secrets by name.

        Raises:
            ConfigurationError: The file cannot be used, or cannot be played.
            OSError: The port cannot be had.
        """


class Plugins(Mapping[str, _P_co], Generic[_P_co]):
    """The installed plugins of one group by name. Listing imports nothing; a plugin is imported when it is taken."""

    def __init__(self, group: str) -> None:
        """Read the installed distributions' entry points of a group.

        Raises:
            ConfigurationError: Two distributions use one name; both are named.
        """
        self._group = group
        self._points: dict[str, EntryPoint] = {}
        for point in entry_points(group=group):
            other = self._points.setdefault(point.name, point)
            if _distribution(other) != _distribution(point):
                _refuse_twins(group, other, point)

    def __getitem__(self, name: str) -> _P_co:
        """Import and return a plugin.

        Raises:
            KeyError: No distribution brings one of this name.
            ConfigurationError: It cannot be imported; its distribution is named.
        """
        point = self._points[name]
        try:
            plugin: _P_co = point.load()
        except PmsBridgeError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way while it is imported
            raise ConfigurationError(_broken(point, error), code="broken_plugin") from None
        return plugin

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def beside(self, name: str, file: str) -> str | None:
        """The text of a file that lies beside a plugin's module; None when there is none.

        Raises:
            KeyError: No distribution brings a plugin of this name.
            ConfigurationError: Its module cannot be imported.
        """
        point = self._points[name]
        _ = self[name]  # one that cannot be imported fails in the same words everywhere
        found = files(import_module(point.module)).joinpath(file)
        return found.read_text(encoding="utf-8") if found.is_file() else None

    def distribution(self, name: str) -> str:
        """Name and version of the distribution that brings a plugin."""
        return _distribution(self._points[name])


def adapters() -> Plugins[AdapterPlugin]:
    """The installed adapters by system name.

    Raises:
        ConfigurationError: Two distributions bring an adapter of one name.
    """
    return Plugins(ADAPTERS)


def sandboxes() -> Plugins[SandboxPlugin]:
    """The installed sandboxes by name.

    Raises:
        ConfigurationError: Two distributions bring a sandbox of one name.
    """
    return Plugins(SANDBOXES)


def mapping_formats() -> Plugins[MappingFormat]:
    """The installed mapping formats by name.

    Raises:
        ConfigurationError: Two distributions bring a format of one name.
    """
    return Plugins(MAPPINGS)


def build_adapter(
    account: str,
    system: str,
    options: Mapping[str, Any],
    *,
    secrets: Secrets,
    gate: CallGate | None = None,
    file: Path | None = None,
) -> Adapter:
    """Make the adapter of one configured account; no network yet.

    Args:
        account: The account's name in the settings.
        system: Which back office, as its adapter is registered.
        options: The account's own settings, read by the adapter.
        secrets: Where references among the options are looked up.
        gate: Where all processes agree on who calls next, and calls are counted; None for this process alone.
        file: Where the options stand; errors about them begin with it. None when they stand in no file.

    Raises:
        ConfigurationError: No such adapter is installed, it cannot be imported, or its options are wrong.
    """
    try:
        return _made(account, system, options, secrets, gate)
    except ConfigurationError as error:
        if file is None:
            raise
        lines, code = error.message.split("\n"), error.code
    placed = [f"{file}: {line}" if line.startswith("accounts.") else line for line in lines]
    raise ConfigurationError("\n".join(placed), code=code)


def _made(account: str, system: str, options: Mapping[str, Any], secrets: Secrets, gate: CallGate | None) -> Adapter:
    plugins = adapters()
    if system not in plugins:
        raise ConfigurationError(_unknown(account, system, list(plugins)), code="unknown_system")
    plugin = plugins[system]
    try:
        return plugin.create(account, options, secrets=secrets, gate=gate)
    except PmsBridgeError:
        raise
    except Exception as error:  # noqa: BLE001 - a factory's own defect; its text may repeat an option
        message = (
            f"accounts.{account}: the adapter {system!r} of {plugins.distribution(system)} failed while it read its"
            f" options ({type(error).__name__}). This is a defect of that adapter; report it there."
        )
        raise ConfigurationError(message, code="broken_plugin") from None


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed distribution"


def _refuse_twins(group: str, one: EntryPoint, other: EntryPoint) -> None:
    message = (
        f"two distributions bring {one.name!r} for {group}: {_distribution(one)} and {_distribution(other)}."
        " Uninstall one of them."
    )
    raise ConfigurationError(message, code="duplicate_plugin")


def _broken(point: EntryPoint, error: Exception) -> str:
    why = type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name:
        why = f"the module {error.name!r} is not installed"
    return f"{point.name!r} of {_distribution(point)} cannot be loaded ({why}). Reinstall it with what it needs."


def _unknown(account: str, system: str, installed: list[str]) -> str:
    close = difflib.get_close_matches(system, installed, n=1)
    if close:
        remedy = f"Did you mean {close[0]!r}?"
    elif system in _own_extras():
        remedy = f"Run: pip install 'pmsbridge[{system}]'."
    else:
        remedy = "Install the distribution that brings it."
    known = ", ".join(installed) or "none"
    return f"accounts.{account}.system: no adapter of that name is installed (installed: {known}). {remedy}"


def _own_extras() -> frozenset[str]:
    try:
        return frozenset(metadata("pmsbridge").get_all("Provides-Extra") or ())
    except PackageNotFoundError:
        return frozenset()

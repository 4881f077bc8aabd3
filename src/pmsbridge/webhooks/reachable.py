"""Which addresses a webhook may be posted to: the public internet, and others only where settings allow them.

An endpoint is somebody's text in a file. Without this, it could make the server ask its own network: the metadata
service of a cloud, a database, an admin page.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

__all__ = ["is_public", "reachable"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
# Named one by one: what the library calls private holds links, documentation and reserved ranges too.
_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128")
)
_COMPATIBLE: Final = ipaddress.ip_network("::/96")


def reachable(*, is_plain: bool, allow_private: bool) -> Callable[[str], bool]:
    """What is asked of every address that a name leads to, right before the connection.

    Args:
        is_plain: The messages travel unencrypted: then to this machine alone.
        allow_private: Private networks and this machine are meant. What belongs to one link only (169.254.0.0/16,
            where clouds keep their metadata), groups and no address at all stay refused.
    """

    def may_reach(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if is_plain:
            return allow_private and _meant(address).is_loopback
        return is_public(address) or (allow_private and _is_private(address))

    return may_reach


def is_public(address: _Address) -> bool:
    """Whether everybody on the internet can reach it, and nobody's own network is behind it."""
    meant = _meant(address)
    return meant.is_global and not meant.is_multicast and not _is_tunnel(meant)


def _is_private(address: _Address) -> bool:
    return any(_meant(address) in network for network in _PRIVATE)


def _meant(address: _Address) -> _Address:
    """The IPv4 address that is written inside an IPv6 one; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in _TRANSLATED) or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_tunnel(address: _Address) -> bool:
    """6to4 and Teredo: they lead to an IPv4 address that is not looked at here."""
    return isinstance(address, ipaddress.IPv6Address) and (address.sixtofour is not None or address.teredo is not None)

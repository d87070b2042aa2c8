"""Forwarded: finds the client's address behind our own proxies. Headers that other proxies wrote are not trusted."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

_FORWARDED_MAX = 32
_IPV6_PREFIX = 64


class Addresses:
    """Finds the address of a request's client. `trusted`: the networks of our own proxies. `header`: the header that
    our proxies write, in lower case, either `x-forwarded-for` or `forwarded`. The client may have written any other
    header."""

    def __init__(self, trusted: Iterable[IPv4Network | IPv6Network] = (), header: str = "x-forwarded-for") -> None:
        self._trusted = tuple(trusted)
        self._header = header.encode()
        self._is_trusted = lru_cache(maxsize=4096)(self._look_up)

    def of(self, scope: Scope) -> str:
        """Return the client's address, or the /64 of an IPv6 address; `unknown` if there is none."""
        peer = scope["client"][0] if scope["client"] else ""
        if self._trusted and self._is_trusted(peer):
            peer = self._behind(scope["headers"], peer)
        return _group(peer)

    def _behind(self, headers: Iterable[tuple[bytes, bytes]], peer: str) -> str:
        """Return the first address from the right that is not one of our proxies. The client may have written the
        rest."""
        sent = b",".join(value for name, value in headers if name == self._header).decode("latin-1")
        for hop in reversed(sent.split(",")[-_FORWARDED_MAX:]):
            address = _address(_for(hop) if self._header == b"forwarded" else hop)
            if address is None:
                break
            peer = address
            if not self._is_trusted(address):
                break
        return peer

    def _look_up(self, address: str) -> bool:
        known = _parsed(address)
        return known is not None and any(known in network for network in self._trusted)


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parse `10.0.0.0/8, fd00::/8`. Raises ValueError."""
    return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())


def _for(hop: str) -> str:
    """Return the `for` of one element of a Forwarded header (RFC 7239)."""
    for part in hop.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "for":
            return value.strip('"')
    return ""


def _address(hop: str) -> str | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:5678`. Return None for any other
    text, such as `unknown`."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    return hop if _parsed(hop) is not None else None


@lru_cache(maxsize=4096)
def _group(address: str) -> str:
    """Return the key of a client. For IPv6 this is the /64 network, all of whose addresses usually belong to one
    client."""
    known = _parsed(address)
    if known is None:
        return "unknown"
    if isinstance(known, IPv6Address):
        return str(ip_network((known, _IPV6_PREFIX), strict=False))
    return str(known)


@lru_cache(maxsize=4096)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an address. An IPv4 address that is mapped into IPv6 is returned as IPv4."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (known.ipv4_mapped or known) if isinstance(known, IPv6Address) else known

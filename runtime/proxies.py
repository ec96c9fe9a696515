"""Whose address a request comes from, where proxies of ours stand before us."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address


def client_address(
    direct: str, forwarded: str, proxies: Sequence[IPv4Network | IPv6Network]
) -> str:
    """The last hop that is no trusted proxy; `forwarded` is X-Forwarded-For."""
    address = direct
    for hop in (direct, *reversed([part.strip() for part in forwarded.split(",") if part.strip()])):
        try:
            parsed = ip_address(hop)
        except ValueError:
            return address
        address = hop
        if not any(parsed in network for network in proxies):
            return address
    return address

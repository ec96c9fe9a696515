"""How the text of an environment variable becomes a value.

A fault says what the value should have been, never what it is: any may hold a secret, by mistake.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

# RFC 7518, 3.2: a key for HS256 has at least the hash's size.
SECRET_BYTES = 32

_LEVELS = ("debug", "info", "warning", "error")
_HOST_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")


class Reader:
    """Reads variables one by one and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def text(self, name: str) -> str:
        """The variable without the blanks around it; empty where it is not set."""
        return self._environ.get(name, "").strip()

    def __call__(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """The parsed variable, or `default` where it is not set or faulty."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse(text)
        except FaultyVariable as fault:
            self.faults.append(f"{name}: {fault}")
            return default


class FaultyVariable(Exception):
    """What a value should have been."""


def read_port(text: str) -> int:
    """A TCP port; 0 takes a free one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise FaultyVariable("must be a port from 1 to 65535, or 0 for a free one")
    return int(text)


def read_host(text: str) -> str:
    """The name or address to listen on."""
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", text):
        raise FaultyVariable("must be a host name or an address, without a port")
    return text


def read_file(text: str) -> Path:
    """A file that is there."""
    path = Path(text)
    if not path.is_file():
        raise FaultyVariable("must name a file that is there")
    return path


def read_switch(text: str) -> bool:
    """On or off."""
    if text.lower() not in ("true", "false"):
        raise FaultyVariable("must be true or false")
    return text.lower() == "true"


def read_name(text: str) -> str:
    """A short printable text."""
    if len(text) > 200 or not text.isprintable():
        raise FaultyVariable("must be at most 200 printable characters")
    return text


def read_secret(text: str) -> bytes:
    """A key, as bytes."""
    secret = text.encode("utf-8", "surrogateescape")
    if len(secret) < SECRET_BYTES:
        raise FaultyVariable(f"must be {SECRET_BYTES} bytes or more")
    return secret


def read_level(text: str) -> str:
    """A log level, in lower case."""
    if text.lower() not in _LEVELS:
        raise FaultyVariable(f"must be one of {', '.join(_LEVELS)}")
    return text.lower()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def read_factor(text: str) -> float:
    """A multiplier."""
    number = _number(text)
    if not 0.001 <= number <= 1e6:
        raise FaultyVariable("must be a number from 0.001 to 1000000")
    return number


def read_share(text: str) -> float:
    """A part of the whole."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise FaultyVariable("must be a number from 0 to 1")
    return number


def read_mail_address(text: str) -> str:
    """A mail address, as far as can be told by its shape."""
    if not _ADDRESS.fullmatch(text):
        raise FaultyVariable("must be a mail address")
    return text


def read_each(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Reads a list with commas; names the place of each faulty entry."""

    def parse_list(text: str) -> tuple[T, ...]:
        values: list[T] = []
        wrong: list[str] = []
        for place, part in enumerate(text.split(","), 1):
            try:
                values.append(parse(part.strip()))
            except FaultyVariable as fault:
                wrong.append(f"entry {place} {fault}")
        if wrong:
            raise FaultyVariable("; ".join(wrong))
        return tuple(values)

    return parse_list


def read_network(text: str) -> IPv4Network | IPv6Network:
    """An address or a network; refused where host bits are set, which is mostly a slip."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise FaultyVariable("must be an address or a network such as 10.0.0.0/8") from None


def _web_url(text: str) -> tuple[str, str]:
    """The origin and the path of a plain web address."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise FaultyVariable("must be a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FaultyVariable("must begin with http:// or https:// and a host")
    if parts.username is not None or parts.query or parts.fragment or not text.isprintable():
        raise FaultyVariable("must not hold a user name, a query or a fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if standard else f":{port}"), parts.path


def read_origin(text: str) -> str:
    """An origin as a browser sends it (RFC 6454, 6.2): another form would never match."""
    origin, path = _web_url(text)
    if path:
        raise FaultyVariable("must be an origin such as https://app.example, without a path")
    return origin


def read_public_url(text: str) -> str:
    """A web address to which paths are appended."""
    origin, path = _web_url(text)
    return origin + path.rstrip("/")


def read_url(*schemes: str) -> Callable[[str], str]:
    """Reads a server's URL, whose scheme is one of `schemes`."""

    def parse_url(text: str) -> str:
        scheme, found, rest = text.partition("://")
        host = rest.split("/")[0].rpartition("@")[2]
        if not found or scheme not in schemes or not host or not text.isprintable():
            raise FaultyVariable(
                f"must begin with {' or '.join(f'{s}://' for s in schemes)} and a host"
            )
        return text

    return parse_url


def read_target(text: str) -> str:
    """Another process's gRPC: a host and its port."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or not 0 < int(match[1]) <= 65535:
        raise FaultyVariable("must be host:port")
    return text


def read_brokers(text: str) -> str:
    """Kafka's bootstrap servers."""
    for part in text.split(","):
        match = _HOST_PORT.fullmatch(part.strip())
        if match is None or not 0 < int(match[1]) <= 65535:
            raise FaultyVariable("must be host:port, or several with commas")
    return text

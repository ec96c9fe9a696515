"""Bodies that are none, each as large as the limit lets it be where size is its point."""

from __future__ import annotations


def short(value: object) -> str:
    """A test's name for a value that may be endless."""
    text = value if isinstance(value, str) else repr(value)
    plain = text.encode("unicode_escape").decode()
    return plain if len(plain) <= 50 else f"{plain[:30]}..{plain[-20:]} {len(plain)}"


def properties(text: str, count: int) -> bytes:
    """An object with `count` properties, each made of its number."""
    return b"{" + b",".join((text % n).encode() for n in range(count)) + b"}"


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "one brace": b"{",
    "not json": b"name=Household&limit=1",
    "null": b"null",
    "a string": b'"name"',
    "an array": b"[]",
    "deep arrays": b"[" * 500_000,
    "deep arrays, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 150_000,
    "deep in a property": b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "80,000 unknown properties": properties('"a%d":1', 80_000),
    "a property 90,000 times": properties('"name":"%d"', 70_000),
    "duplicate keys that differ": b'{"name":"a","limit":"1","limit":"2","name":{}}',
    "300,000 empty objects": b"[" + b"{}," * 300_000 + b"{}]",
    "500,000 numbers": b"[" + b"1," * 500_000 + b"1]",
    "NaN": b'{"name":"x","limit":NaN}',
    "Infinity": b'{"name":"x","limit":Infinity}',
    "-Infinity": b'{"name":"x","limit":-Infinity}',
    "a number of a million digits": b'{"name":"x","limit":' + b"9" * 1_000_000 + b"}",
    "a number of 4,300 digits": b'{"name":"x","limit":' + b"9" * 4_300 + b"}",
    "a large exponent": b'{"name":"x","limit":1e999999999}',
    "a small exponent": b'{"name":"x","limit":1e-999999999}',
    "money of a million digits": b'{"name":"x","limit":"' + b"1" * 1_000_000 + b'"}',
    "money in other digits": '{"name":"x","limit":"١٢"}'.encode(),
    "money with an exponent": b'{"name":"x","limit":"1e5"}',
    "a float for money": b'{"name":"x","limit":1.10}',
    "a long name": b'{"name":"' + b"a" * 1_000_000 + b'","limit":"1"}',
    "a long name of wide letters": b'{"name":"' + "é".encode() * 500_000 + b'","limit":"1"}',
    "a long name in escapes": b'{"name":"' + b"\\u00e9" * 170_000 + b'","limit":"1"}',
    "a NUL in a name": b'{"name":"a\\u0000b","limit":"1"}',
    "a raw NUL": b'{"name":"a\0b","limit":"1"}',
    "a raw newline in a string": b'{"name":"a\nb","limit":"1"}',
    "a lone surrogate": b'{"name":"a\\ud800","limit":"1"}',
    "surrogates the wrong way round": b'{"name":"\\udc00\\ud800","limit":"1"}',
    "a lone surrogate as a key": b'{"\\ud800":1}',
    "invalid UTF-8": b'{"name":"\xff\xfe","limit":"1"}',
    "overlong UTF-8": b'{"name":"\xc0\xaf","limit":"1"}',
    "surrogates in UTF-8": b'{"name":"\xed\xa0\x80","limit":"1"}',
    "a byte order mark": b'\xef\xbb\xbf{"name":"x","limit":"1"}',
    "UTF-16": '{"name":"x","limit":"1"}'.encode("utf-16"),
    "UTF-32": '{"name":"x","limit":"1"}'.encode("utf-32"),
    "Latin-1": '{"name":"Café","limit":"1"}'.encode("latin-1"),
    "a comment": b'{"name":"x", /* hello */ "limit":"1"}',
    "a trailing comma": b'{"name":"x","limit":"1",}',
    "two documents": b'{"name":"x","limit":"1"}{"name":"y","limit":"1"}',
    "a million blanks": b" " * 1_000_000 + b"{}",
    "a megabyte of NULs": b"\0" * 1_000_000,
    "a megabyte of everything": bytes(range(256)) * 4_000,
    "an operator": b'{"name":{"$ne":null},"limit":{"$gt":"0"}}',
    "a prototype": b'{"__proto__":{"admin":true},"constructor":{},"name":"x","limit":"1"}',
    "more than it may": b'{"id":"bud_0","ownerId":"usr_0","spent":"0.00","version":9}',
}

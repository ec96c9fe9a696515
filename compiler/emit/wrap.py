"""Long string literals, cut into adjacent ones that fit the line: no formatter does that."""

from __future__ import annotations

import io
import re
import tokenize

# A character of a literal as it is written: an escape is never cut.
_WRITTEN = re.compile(
    r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|N\{[^}]*\}|.)|.", re.DOTALL
)
_WIDTH = 100


def wrapped(text: str) -> str:
    """`text`, a module, with each string literal that leaves the line in parts of at most 76."""
    lines = text.split("\n")
    if all(len(line) <= _WIDTH for line in lines):
        return text
    cuts: list[tuple[int, int, int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row, start = token.start
        if token.type != tokenize.STRING or token.end[0] != row or len(lines[row - 1]) <= _WIDTH:
            continue
        if len(token.string) > 40 and token.string[:1] in "\"'" and token.string[:3] not in _TRIPLE:
            cuts.append((row, start, token.end[1], _cut(token.string)))
    for row, start, end, parts in reversed(cuts):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + parts + line[end:]
    return "\n".join(lines)


_TRIPLE = ('"""', "'''")


def _cut(literal: str) -> str:
    quote = literal[0]
    parts: list[str] = []
    part = ""
    for written in _WRITTEN.findall(literal[1:-1]):
        if len(part) + len(written) > 76:
            # After a space if there was one, so that words stay whole.
            at = part.rfind(" ") + 1
            at = at if at > 38 else len(part)
            parts.append(part[:at])
            part = part[at:]
        part += written
    parts.append(part)
    return "(" + "\n".join(f"{quote}{part}{quote}" for part in parts) + ")"

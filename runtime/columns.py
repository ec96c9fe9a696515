"""Column types of the declared tables: the same meaning on PostgreSQL, MySQL and MariaDB.

Text compares by its code points, as SQLite's does: collation "C" on PostgreSQL; on MySQL the binary
collation that takes blanks at the end for part of the text, whose name depends on the server's kind
(plain `utf8mb4_bin` holds "a" and "a " for equal).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, LargeBinary, Numeric, String
from sqlalchemy import Text as LongString
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

# 16 digits before the point and 3 after it: MoneyTotal, the widest amount of the contract.
MONEY = Numeric(19, 3)
WHOLE = BigInteger()
# Longer text is kept beside its row: MySQL's rows hold 65,535 bytes, and a character is up to 4.
LONGEST_IN_ROW = 4000


def _mysql(dialect: Dialect) -> bool:
    return dialect.name in ("mysql", "mariadb")


def _exact(dialect: Dialect) -> dict[str, str]:
    mariadb = getattr(dialect, "is_mariadb", False)
    collation = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
    return {"charset": "utf8mb4", "collation": collation}


class Exact(TypeDecorator[str]):
    """Text of at most `length` characters (None: of any length) that compares by code points."""

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The server's type."""
        long = self.length is None or self.length > LONGEST_IN_ROW
        kind: TypeEngine[Any]
        if _mysql(dialect):
            exact = _exact(dialect)
            kind = mysql.LONGTEXT(**exact) if long else mysql.VARCHAR(self.length, **exact)
        elif dialect.name == "postgresql":
            kind = LongString(collation="C") if long else String(self.length, collation="C")
        else:
            kind = String(self.length)
        return dialect.type_descriptor(kind)

    def __repr__(self) -> str:
        return f"Exact({'' if self.length is None else self.length})"


class Moment(TypeDecorator[datetime]):
    """A moment in UTC with milliseconds, which is what every store keeps (contract.md)."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The server's type; MySQL's knows no time zone, so it holds UTC."""
        if _mysql(dialect):
            return dialect.type_descriptor(mysql.DATETIME(fsp=3))
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True, precision=3))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment, in UTC also where the server keeps no time zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    def __repr__(self) -> str:
        return "Moment()"


class Document(TypeDecorator[Any]):
    """Arrays and objects as JSON text, which comes back as it was written."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on MySQL: its JSON type reorders keys, and MariaDB has none."""
        if _mysql(dialect):
            return dialect.type_descriptor(mysql.LONGTEXT(**_exact(dialect)))
        return dialect.type_descriptor(JSON())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Text where the server's type is text."""
        return json.dumps(value) if _mysql(dialect) and value is not None else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value again."""
        return json.loads(value) if _mysql(dialect) and value is not None else value

    def __repr__(self) -> str:
        return "Document()"


class Bytes(TypeDecorator[bytes]):
    """Bytes, of any number that a request may have."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The server's type; MySQL's own choice would hold 64 KiB."""
        return dialect.type_descriptor(mysql.LONGBLOB() if _mysql(dialect) else LargeBinary())

    def __repr__(self) -> str:
        return "Bytes()"


MOMENT = Moment()
DOCUMENT = Document()
BYTES = Bytes()

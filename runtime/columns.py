"""Column types of the declared tables, where SQLAlchemy's defaults would lose something."""

from __future__ import annotations

from sqlalchemy import DateTime, Numeric

# 16 digits before the point and 3 after it: MoneyTotal, the widest amount of the contract.
MONEY = Numeric(19, 3)
# Milliseconds are what every store keeps (contract.md); the time zone is always UTC.
MOMENT = DateTime(timezone=True)

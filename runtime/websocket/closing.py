"""Why the server closes a socket: RFC 6455's codes, and ours, as the contract has them."""

from __future__ import annotations

AWAY = 1001
FAULT = 1011
NO_FRAME = 4400
NOBODY = 4401
SILENT = 4408
SLOW = 4409
TOO_LARGE = 4413
TOO_MANY = 4429

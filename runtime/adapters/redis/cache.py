from typing import Any

CachedStore: Any = None

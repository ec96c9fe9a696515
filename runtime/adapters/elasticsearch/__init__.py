"""Full-text search in Elasticsearch; the port is `SearchIndex`.

index = await ElasticIndex.open(url, ExpenseIndex)   # generated/index.py; SettingsError
await index.close()
"""

from __future__ import annotations

from runtime.adapters.elasticsearch.index import ElasticIndex

__all__ = ["ElasticIndex"]

"""Stores on PostgreSQL (POSTGRES_URL); runtime/adapters/sql has what they share with MySQL."""

from runtime.adapters.postgres.driver import DIALECT, PostgresDriver

__all__ = ["DIALECT", "PostgresDriver"]

"""Stores on MySQL and MariaDB (MYSQL_URL); runtime/adapters/sql has what PostgreSQL shares.

Only what MySQL 8 and MariaDB 10.11 both have is used.
"""

from runtime.adapters.mysql.driver import DIALECT, MysqlDriver

__all__ = ["DIALECT", "MysqlDriver"]

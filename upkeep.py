"""What `migrate` and `doctor` know of each server, by the variable that names it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from runtime.adapters.clock import SystemClock
from runtime.diagnosis import CannotMigrate, Finding, Migration, ServerCheck
from runtime.ids import TypeIds
from runtime.settings import SettingsError

# Seconds that a server may take to answer.
_WITHIN = 5.0
_REMEDY = "run budget-manager migrate"


async def _migrate_sql(url: str, dry_run: bool) -> Sequence[str]:
    import migrations

    home = migrations.home_of(url)
    wanted = migrations.head(home)
    try:
        if dry_run:
            at = await migrations.revision(url)
            return [] if at == wanted else [f"from revision {at or 'none'} to {wanted}"]
        before, after = await migrations.migrate(url)
    except SettingsError as error:
        raise CannotMigrate(error.faults[0]) from None
    return [] if before == after else [f"from revision {before or 'none'} to {after}"]


async def _migrate_mongodb(url: str, dry_run: bool) -> Sequence[str]:
    from pymongo.errors import PyMongoError

    from backends import on_mongodb
    from generated.documents import DOCUMENTS
    from runtime.adapters.mongodb import CannotReach, MongoDatabase
    from runtime.adapters.mongodb.schema import drift, migrate

    try:
        database = await MongoDatabase.open(url, clock=SystemClock(), ids=TypeIds())
    except CannotReach as error:
        raise CannotMigrate(str(error)) from None
    try:
        found = await drift(database, DOCUMENTS, on_mongodb())
        if found and not dry_run:
            await migrate(database, DOCUMENTS, on_mongodb())
    except PyMongoError as error:
        raise CannotMigrate(f"MONGO_DB_URI: {type(error).__name__}: see the server's log") from None
    finally:
        await database.close()
    return found if dry_run else [line.replace("is missing", "is made") for line in found]


MIGRATIONS: dict[str, Migration] = {
    "MONGO_DB_URI": _migrate_mongodb,
    "POSTGRES_URL": _migrate_sql,
    "MYSQL_URL": _migrate_sql,
}


def _migrated(variable: str, migration: Migration) -> ServerCheck:
    """A check that a server answers, lets us in, and has this version's schema."""

    async def check(url: str) -> Sequence[Finding]:
        try:
            missing = await migration(url, True)
        except CannotMigrate as error:
            remedy = f"start the server, or mend {variable}"
            return [Finding(variable, "wrong", str(error).partition(": ")[2], remedy)]
        if missing:
            return [Finding(variable, "wrong", f"is not migrated: {missing[0]}", _REMEDY)]
        return [Finding(variable, "ok", "answers, and has this version's schema")]

    return check


def _opened(variable: str, open_it: Callable[[str], Awaitable[None]]) -> ServerCheck:
    """A check that an adapter can use the server."""

    async def check(url: str) -> Sequence[Finding]:
        try:
            await open_it(url)
        except SettingsError as error:
            said = error.faults[0].partition(": ")[2]
            return [Finding(variable, "wrong", said, f"start the server, or mend {variable}")]
        return [Finding(variable, "ok", "answers, and can be used")]

    return check


async def _open_redis(url: str) -> None:
    from runtime.adapters.redis import Line

    await (await Line.open(url, within=_WITHIN)).close()


async def _open_kafka(servers: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=5000)
    try:
        async with asyncio.timeout(_WITHIN):
            await admin.start()
            await admin.list_topics()
    except (KafkaError, OSError, TimeoutError) as error:
        raise SettingsError([f"KAFKA_BROKER: does not answer ({type(error).__name__})"]) from None
    finally:
        await admin.close()


async def _open_rabbitmq(url: str) -> None:
    from aio_pika import connect
    from aio_pika.exceptions import AMQPError

    try:
        async with asyncio.timeout(_WITHIN):
            await (await connect(url)).close()
    except (AMQPError, OSError, TimeoutError) as error:
        raise SettingsError([f"RABBITMQ_URL: does not answer ({type(error).__name__})"]) from None


async def _open_elasticsearch(url: str) -> None:
    from elasticsearch import ApiError, TransportError

    from runtime.adapters.elasticsearch.client import client

    elastic = client(url)
    try:
        async with asyncio.timeout(_WITHIN):
            await elastic.info()
    except (ApiError, TransportError, TimeoutError) as error:
        fault = f"ELASTIC_SEARCH_URL: does not answer ({type(error).__name__})"
        raise SettingsError([fault]) from None
    finally:
        await elastic.close()


async def _open_smtp(url: str) -> None:
    from runtime.adapters.smtp import SmtpMailer

    await SmtpMailer.open(url, "doctor@localhost", SystemClock(), within=_WITHIN)


SERVER_CHECKS: dict[str, ServerCheck] = {
    **{name: _migrated(name, migration) for name, migration in MIGRATIONS.items()},
    "REDIS_URL": _opened("REDIS_URL", _open_redis),
    "KAFKA_BROKER": _opened("KAFKA_BROKER", _open_kafka),
    "RABBITMQ_URL": _opened("RABBITMQ_URL", _open_rabbitmq),
    "ELASTIC_SEARCH_URL": _opened("ELASTIC_SEARCH_URL", _open_elasticsearch),
    "SMTP_URL": _opened("SMTP_URL", _open_smtp),
}

"""What the environment says, checked at once: a start has all it needs or names every fault.

A variable's name is its attribute's in capitals. Messages name variables and never quote a value,
since any of them may hold a secret, if only by mistake.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from runtime import variables
from runtime.variables import SECRET_BYTES

# Each independent of the others: what is set is used, what is not stays embedded.
BACKENDS = (
    "MONGO_DB_URI",
    "POSTGRES_URL",
    "MYSQL_URL",
    "REDIS_URL",
    "RABBITMQ_URL",
    "KAFKA_BROKER",
    "ELASTIC_SEARCH_URL",
    "SMTP_URL",
)
# Where a process does not run all services, what these keep in common is on servers.
SHARED = ("KAFKA_BROKER", "RABBITMQ_URL", "REDIS_URL", "JWT_SECRET")
# They too need something built for them, but are no servers that the platform keeps its state in.
EXPORTERS = ("OTEL_EXPORTER_OTLP_ENDPOINT",)


class SettingsError(Exception):
    """The environment cannot be used; `faults` lists every reason, none with a value in it."""

    def __init__(self, faults: Collection[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(("the settings are not usable:", *self.faults)))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The platform's settings, by `Settings.read(os.environ)`; the defaults are a bare start's."""

    host: str = "127.0.0.1"
    port: int = 3000
    grpc_port: int = 50051
    grpc_tls_cert: Path | None = None
    grpc_tls_key: Path | None = None
    grpc_plaintext: bool = False
    data_dir: Path = Path("data")
    public_url: str = "http://localhost:3000"
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    jwt_secret: bytes | None = field(default=None, repr=False)
    jwt_issuer: str = "budget-manager"
    jwt_audience: str = "budget-manager-api"
    log_level: str = "info"
    rate_limit_factor: float = 1.0
    monitor_rate: float = 0.001
    mail_from: str = "budget-manager@localhost"
    mongo_db_uri: str | None = field(default=None, repr=False)
    postgres_url: str | None = field(default=None, repr=False)
    mysql_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    rabbitmq_url: str | None = field(default=None, repr=False)
    kafka_broker: str | None = field(default=None, repr=False)
    elastic_search_url: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    otel_exporter_otlp_endpoint: str | None = field(default=None, repr=False)
    # Where the services of other processes answer by gRPC, when this one does not run them.
    auth_service: str = "auth:50051"
    budget_service: str = "budget:50051"
    expense_service: str = "expense:50051"
    customer_service: str = "customer:50051"
    order_service: str = "order:50051"
    transaction_service: str = "transaction:50051"
    search_service: str = "search:50051"
    notification_service: str = "notification:50051"
    task_service: str = "task:50051"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings that `environ` holds; an empty variable counts as unset.

        Raises SettingsError with every fault. Touches no file: see `signing_secret`.
        """
        get = variables.Reader(environ)
        port = get("PORT", variables.read_port, cls.port)
        settings = cls(
            host=get("HOST", variables.read_host, cls.host),
            port=port,
            grpc_port=get("GRPC_PORT", variables.read_port, cls.grpc_port),
            grpc_tls_cert=get("GRPC_TLS_CERT", variables.read_file, None),
            grpc_tls_key=get("GRPC_TLS_KEY", variables.read_file, None),
            grpc_plaintext=get("GRPC_PLAINTEXT", variables.read_switch, cls.grpc_plaintext),
            data_dir=get("DATA_DIR", Path, cls.data_dir),
            public_url=get("PUBLIC_URL", variables.read_public_url, f"http://localhost:{port}"),
            cors_origins=get(
                "CORS_ORIGINS", variables.read_each(variables.read_origin), cls.cors_origins
            ),
            trusted_proxies=get(
                "TRUSTED_PROXIES", variables.read_each(variables.read_network), cls.trusted_proxies
            ),
            jwt_secret=get("JWT_SECRET", variables.read_secret, None),
            jwt_issuer=get("JWT_ISSUER", variables.read_name, cls.jwt_issuer),
            jwt_audience=get("JWT_AUDIENCE", variables.read_name, cls.jwt_audience),
            log_level=get("LOG_LEVEL", variables.read_level, cls.log_level),
            rate_limit_factor=get(
                "RATE_LIMIT_FACTOR", variables.read_factor, cls.rate_limit_factor
            ),
            monitor_rate=get("MONITOR_RATE", variables.read_share, cls.monitor_rate),
            mail_from=get("MAIL_FROM", variables.read_mail_address, cls.mail_from),
            mongo_db_uri=get("MONGO_DB_URI", variables.read_url("mongodb", "mongodb+srv"), None),
            postgres_url=get("POSTGRES_URL", variables.read_url("postgresql", "postgres"), None),
            mysql_url=get("MYSQL_URL", variables.read_url("mysql"), None),
            redis_url=get("REDIS_URL", variables.read_url("redis", "rediss"), None),
            rabbitmq_url=get("RABBITMQ_URL", variables.read_url("amqp", "amqps"), None),
            kafka_broker=get("KAFKA_BROKER", variables.read_brokers, None),
            elastic_search_url=get("ELASTIC_SEARCH_URL", variables.read_url("http", "https"), None),
            smtp_url=get("SMTP_URL", variables.read_url("smtp", "smtps"), None),
            otel_exporter_otlp_endpoint=get(
                "OTEL_EXPORTER_OTLP_ENDPOINT", variables.read_url("http", "https"), None
            ),
            auth_service=get("AUTH_SERVICE", variables.read_target, cls.auth_service),
            budget_service=get("BUDGET_SERVICE", variables.read_target, cls.budget_service),
            expense_service=get("EXPENSE_SERVICE", variables.read_target, cls.expense_service),
            customer_service=get("CUSTOMER_SERVICE", variables.read_target, cls.customer_service),
            order_service=get("ORDER_SERVICE", variables.read_target, cls.order_service),
            transaction_service=get(
                "TRANSACTION_SERVICE", variables.read_target, cls.transaction_service
            ),
            search_service=get("SEARCH_SERVICE", variables.read_target, cls.search_service),
            notification_service=get(
                "NOTIFICATION_SERVICE", variables.read_target, cls.notification_service
            ),
            task_service=get("TASK_SERVICE", variables.read_target, cls.task_service),
        )
        if settings.port and settings.port == settings.grpc_port:
            get.faults.append("GRPC_PORT: is the same as PORT")
        if (settings.grpc_tls_cert is None) != (settings.grpc_tls_key is None):
            get.faults.append("GRPC_TLS_CERT, GRPC_TLS_KEY: both or neither must be set")
        servers = [name for name in BACKENDS if get.text(name)]
        if servers and not get.text("JWT_SECRET"):
            # Processes may share a server; a secret that each makes for itself would part them.
            get.faults.append(
                f"JWT_SECRET: must be set, to {SECRET_BYTES} bytes or more, with {servers[0]} set"
            )
        if get.faults:
            raise SettingsError(get.faults)
        return settings

    def configured_backends(self) -> tuple[str, ...]:
        """The variables of the real servers that are set; without any, everything is embedded."""
        return tuple(name for name in BACKENDS if getattr(self, name.lower()) is not None)

    def require_shared(self) -> None:
        """Refuses a process that runs some services only without what all of them must share."""
        missing = [name for name in SHARED if getattr(self, name.lower()) is None]
        if missing:
            raise SettingsError(
                [
                    f"{name}: must be set where a process runs some of the services only"
                    for name in missing
                ]
            )

    def require_adapters(self, built: Collection[str]) -> None:
        """Refuses what is set but not `built`: else data meant for it would silently stay here."""
        missing = [
            name
            for name in BACKENDS + EXPORTERS
            if getattr(self, name.lower()) is not None and name not in built
        ]
        if missing:
            raise SettingsError(
                [f"{name}: is set, but this version has nothing that uses it" for name in missing]
            )

    def signing_secret(self) -> bytes:
        """JWT_SECRET; without one, that of the data folder, made at the first start.

        Raises SettingsError where the kept one cannot be read, made, or trusted.
        """
        if self.jwt_secret is not None:
            return self.jwt_secret
        path = self.data_dir / "jwt-secret"
        try:
            secret = _kept_secret(path)
        except OSError as error:
            raise SettingsError(
                [f"JWT_SECRET: is not set, and jwt-secret in DATA_DIR: {error.strerror}"]
            ) from None
        if len(secret) < SECRET_BYTES:
            raise SettingsError(["JWT_SECRET: is not set, and jwt-secret in DATA_DIR is too short"])
        return secret


VARIABLES: tuple[str, ...] = tuple(each.name.upper() for each in fields(Settings))


def _kept_secret(path: Path) -> bytes:
    """The secret at `path`, made where there is none; all that start at once get the same one."""
    with contextlib.suppress(FileNotFoundError):
        return _read_private(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode())
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces another's.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
    return _read_private(path)


def _read_private(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        # A restored backup or a copy: closed again, unless the file system keeps no modes.
        with contextlib.suppress(OSError):
            path.chmod(0o600)
    return path.read_bytes().strip()

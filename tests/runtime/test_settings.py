"""A start has all it needs, or names every fault and no secret."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.settings import BACKENDS, VARIABLES, Settings, SettingsError

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SECRET = "s3cret-of-the-house-that-nobody-may-see"
SERVERS = {
    "MONGO_DB_URI": "mongodb://u:hunter2@a:1,b:2/budget?replicaSet=rs0",
    "POSTGRES_URL": "postgresql://u:hunter2@localhost:5432/budget",
    "MYSQL_URL": "mysql://u:hunter2@localhost/budget",
    "REDIS_URL": "rediss://:hunter2@localhost:6379/0",
    "RABBITMQ_URL": "amqps://u:hunter2@localhost/",
    "KAFKA_BROKER": "one:9092, [::1]:9093",
    "ELASTIC_SEARCH_URL": "https://u:hunter2@localhost:9200",
    "SMTP_URL": "smtp://u:hunter2@localhost:587",
}


def faults(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ)
    return dict(fault.split(": ", 1) for fault in caught.value.faults)


def test_a_bare_start_needs_no_variable() -> None:
    assert Settings.read({}) == Settings()
    assert Settings.read(dict.fromkeys(VARIABLES, " ")) == Settings()
    assert Settings().configured_backends() == ()


def test_every_variable_is_read_into_its_type() -> None:
    settings = Settings.read(
        {
            "HOST": "0.0.0.0",
            "PORT": "8080",
            "GRPC_PORT": "0",
            "DATA_DIR": "/srv/budget",
            "CORS_ORIGINS": "https://app.example, http://localhost:5173,https://b.example:443",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "PUBLIC_URL": "https://budget.example/app/",
            "JWT_SECRET": SECRET,
            "LOG_LEVEL": "DEBUG",
            "RATE_LIMIT_FACTOR": "2.5",
            "MONITOR_RATE": "1",
        }
    )
    assert (settings.host, settings.port, settings.grpc_port) == ("0.0.0.0", 8080, 0)
    assert settings.data_dir == Path("/srv/budget")
    assert settings.cors_origins == (
        "https://app.example",
        "http://localhost:5173",
        "https://b.example",
    )
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.public_url == "https://budget.example/app"
    assert settings.jwt_secret == SECRET.encode()
    assert (settings.log_level, settings.rate_limit_factor, settings.monitor_rate) == (
        "debug",
        2.5,
        1.0,
    )


def test_mailed_links_follow_the_port() -> None:
    assert Settings.read({"PORT": "8080"}).public_url == "http://localhost:8080"


def test_all_faults_are_listed_at_once_and_none_quotes_its_value() -> None:
    bad = {
        "HOST": "http://x y",
        "PORT": "65536",
        "GRPC_PORT": "5e3",
        "PUBLIC_URL": "https://user:hunter2@budget.example",
        "CORS_ORIGINS": "https://app.example,*,https://app.example/hunter2",
        "TRUSTED_PROXIES": "10.0.0.1/8",
        "JWT_SECRET": "hunter2-hunter2",
        "JWT_ISSUER": "hunter2\x00",
        "JWT_AUDIENCE": "hunter2" * 40,
        "LOG_LEVEL": "hunter2",
        "RATE_LIMIT_FACTOR": "0",
        "MONITOR_RATE": "nan",
        "MAIL_FROM": "hunter2",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://hunter2",
        **dict.fromkeys(BACKENDS, "hunter2://u:hunter2@localhost"),
        **{name: "hunter2:hunter2" for name in VARIABLES if name.endswith("_SERVICE")},
    }
    found = faults(bad)
    assert set(found) == set(VARIABLES) - {"DATA_DIR"}
    assert not any("hunter2" in message for message in found.values())
    assert "entry 2" in found["CORS_ORIGINS"]
    assert "entry 3" in found["CORS_ORIGINS"]


def test_a_port_is_not_given_twice() -> None:
    assert set(faults({"PORT": "4000", "GRPC_PORT": "4000"})) == {"GRPC_PORT"}


@pytest.mark.parametrize("name", BACKENDS)
def test_any_real_server_needs_the_secret(name: str) -> None:
    for text in ("", "  ", "short"):
        found = faults({name: SERVERS[name], "JWT_SECRET": text})
        assert set(found) == {"JWT_SECRET"}
        assert "32 bytes" in found["JWT_SECRET"]
    settings = Settings.read({name: SERVERS[name], "JWT_SECRET": SECRET})
    assert settings.configured_backends() == (name,)
    assert settings.signing_secret() == SECRET.encode()


def test_a_faulty_server_and_a_missing_secret_are_said_together() -> None:
    assert set(faults({"REDIS_URL": "localhost"})) == {"REDIS_URL", "JWT_SECRET"}


def test_a_server_without_an_adapter_stops_the_start() -> None:
    settings = Settings.read({**SERVERS, "JWT_SECRET": SECRET})
    settings.require_adapters(BACKENDS)
    with pytest.raises(SettingsError) as caught:
        settings.require_adapters({"REDIS_URL"})
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        name for name in BACKENDS if name != "REDIS_URL"
    ]
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        Settings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"}).require_adapters(())


def test_settings_never_print_a_secret() -> None:
    settings = Settings.read({**SERVERS, "JWT_SECRET": SECRET})
    assert SECRET not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_a_missing_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new" / "data")
    secret = settings.signing_secret()
    kept = settings.data_dir / "jwt-secret"
    assert len(secret) >= 32
    assert settings.signing_secret() == secret == kept.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == ["jwt-secret"]
    kept.chmod(0o644)
    assert settings.signing_secret() == secret
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_starts_at_the_same_time_agree_on_the_made_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: settings.signing_secret(), range(32)))
    assert len(set(made)) == 1


def test_a_kept_secret_that_is_too_short_or_unreadable_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_bytes(b"hunter2\n")
    with pytest.raises(SettingsError, match="JWT_SECRET") as caught:
        Settings(data_dir=tmp_path).signing_secret()
    assert "hunter2" not in str(caught.value)
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        Settings(data_dir=tmp_path / "file").signing_secret()


def test_the_example_names_every_variable_with_its_default() -> None:
    text = EXAMPLE.read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert set(shown) == set(VARIABLES)
    assert Settings.read(shown) == Settings()
    # A secret in the example would become somebody's secret.
    assert shown["JWT_SECRET"] == ""
    assert all(line.startswith("#") or not line for line in text.splitlines())


def test_nine_processes_share_what_they_must() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"REDIS_URL": SERVERS["REDIS_URL"], "JWT_SECRET": SECRET}).require_shared()
    names = [fault.partition(":")[0] for fault in caught.value.faults]
    assert names == ["KAFKA_BROKER", "RABBITMQ_URL"]
    Settings.read({**SERVERS, "JWT_SECRET": SECRET}).require_shared()
    assert Settings().budget_service == "budget:50051"
    assert Settings.read({"BUDGET_SERVICE": "[::1]:9001"}).budget_service == "[::1]:9001"
    assert faults({"TASK_SERVICE": "http://tasks"}) == {"TASK_SERVICE": "must be host:port"}

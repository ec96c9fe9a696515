"""What `doctor` looks at: the settings, the secret, the data folder, this machine, the servers."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import resource
import shutil
from collections.abc import Mapping
from pathlib import Path

from commands.landing import MOVED, MOVING, UNFINISHED
from generated.storage import TABLES
from runtime.adapters.sqlite.checkup import examine, served_by
from runtime.diagnosis import Finding, reachable
from runtime.settings import BACKENDS, Settings, SettingsError
from runtime.variables import SECRET_BYTES
from upkeep import SERVER_CHECKS

# Bytes: below the first nothing is safe, below the second it will not be for long.
_FULL, _SCARCE = 100 << 20, 1 << 30
_HANDLES = 4096
# In no secret that was made at random.
_WEAK = (b"secret", b"password", b"changeme", b"change-me", b"example", b"12345", b"qwerty")
_WITHIN = 10.0


async def examined(environ: Mapping[str, str]) -> list[Finding]:
    """All findings, in the order in which they are best mended."""
    try:
        settings = Settings.read(environ)
    except SettingsError as error:
        remedy = "correct the variable; .env.example says what each may be"
        faults = [fault.partition(": ") for fault in error.faults]
        findings = [Finding(name, "wrong", text, remedy) for name, _, text in faults]
        return [*findings, *_folder(Path(environ.get("DATA_DIR", "").strip() or "data"))]
    findings = [Finding("settings", "ok", "can be read")]
    findings += _adapters(settings)
    findings += _secret(settings)
    findings += _folder(settings.data_dir)
    findings += await _ports(settings)
    findings.append(_handles())
    # One after the other: loading one's client would look like another's silence.
    for name in settings.configured_backends():
        findings += await _server(name, settings)
    return findings


def _adapters(settings: Settings) -> list[Finding]:
    try:
        settings.require_adapters(BACKENDS)
    except SettingsError as error:
        faults = [fault.partition(": ") for fault in error.faults]
        return [Finding(name, "wrong", text, f"unset {name}") for name, _, text in faults]
    return []


def _secret(settings: Settings) -> list[Finding]:
    """How strong it is, as far as can be told; never what it is."""
    what, secret = "JWT_SECRET", settings.jwt_secret
    if secret is None:
        path = settings.data_dir / "jwt-secret"
        if not os.path.exists(path):
            return [Finding(what, "ok", "is not set: the first start makes one and keeps it")]
        try:
            secret = path.read_bytes().strip()
        except OSError as error:
            text = f"is not set, and {path} cannot be read: {error.strerror}"
            return [Finding(what, "wrong", text, "let the server's user read it")]
        if path.stat().st_mode & 0o077:
            text = f"others than its owner may read {path}"
            return [Finding(what, "wrong", text, f"chmod 600 {path}; then make a new secret")]
    if len(secret) < SECRET_BYTES:
        text = f"has less than {SECRET_BYTES} bytes"
    elif len(set(secret)) < 10 or any(word in secret.lower() for word in _WEAK):
        text = "can be guessed: it repeats itself, or holds a well-known word"
    else:
        return [Finding(what, "ok", f"has {len(secret)} bytes")]
    return [Finding(what, "wrong", text, "make one: openssl rand -base64 48")]


def _folder(folder: Path) -> list[Finding]:
    """The data folder, what is in it, and how much fits in."""
    what = f"DATA_DIR {folder}"
    if not os.path.exists(folder):
        there = next(
            (each for each in folder.absolute().parents if os.path.exists(each)), Path("/")
        )
        if not os.access(there, os.W_OK | os.X_OK):
            remedy = f"make it, or let the server's user write to {there}"
            return [Finding(what, "wrong", "is not there and cannot be made", remedy)]
        return [Finding(what, "ok", "is not there yet: the first start makes it"), _room(there)]
    if not folder.is_dir():
        return [Finding(what, "wrong", "is no folder", "set DATA_DIR to a folder")]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        remedy = "give it to the user that the server runs as"
        return [Finding(what, "wrong", "cannot be written by this user", remedy)]
    findings = [Finding(what, "ok", "can be read and written")]
    if folder.stat().st_mode & 0o007:
        text = "is open to every user of this machine, and holds everybody's data"
        findings.append(Finding(what, "warning", text, f"chmod 700 {folder}"))
    findings.append(_room(folder))
    if (folder / UNFINISHED / "budget.db").exists() or (folder / MOVING).exists():
        text = "an unfinished move has begun here"
        findings.append(Finding("move", "wrong", text, "run that budget-manager move again"))
    elif (folder / MOVED).exists():
        text = "its data was moved elsewhere: what is written here since is here alone"
        remedy = f"serve from there; or remove {folder / MOVED} to go on here"
        findings.append(Finding("move", "warning", text, remedy))
    return findings + examine(folder, TABLES)


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB are free at {folder}"
    if free >= _SCARCE:
        return Finding("disk", "ok", text)
    remedy = "make room, or move DATA_DIR to a larger disk"
    return Finding("disk", "wrong" if free < _FULL else "warning", text, remedy)


async def _ports(settings: Settings) -> list[Finding]:
    """Free for a start; or answered by the server that runs from this folder."""
    from runtime.serve import PortTaken, check_port

    pid = served_by(settings.data_dir)
    if pid is not None:
        return [await _ready(settings, pid)]
    findings: list[Finding] = []
    for what, port in (("PORT", settings.port), ("GRPC_PORT", settings.grpc_port)):
        if not port:
            continue
        try:
            check_port(settings.host, port)
        except PortTaken as error:
            text = str(error).partition(": ")[0]
            remedy = f"stop that process, or set {what} to another port"
            findings.append(Finding(what, "wrong", text, remedy))
        else:
            findings.append(Finding(what, "ok", f"{settings.host}:{port} is free"))
    return findings


async def _ready(settings: Settings, pid: str) -> Finding:
    """What the running server says of itself."""
    what = f"server (pid {pid})"
    host = _reached_at(settings.host)
    where = f"{host}:{settings.port}"
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, settings.port)
            writer.write(b"GET /health/ready HTTP/1.1\r\nHost: doctor\r\nConnection: close\r\n\r\n")
            answer = (await reader.readline()).split()
            writer.close()
    except (OSError, TimeoutError):
        remedy = "see its log; if it listens elsewhere, set HOST and PORT as it has them"
        return Finding(what, "wrong", f"does not answer at {where}", remedy)
    if answer[1:2] == [b"200"]:
        return Finding(what, "ok", f"is ready at {where}")
    status = answer[1].decode("ascii", "replace") if len(answer) > 1 else "no status"
    remedy = f"see its log, and http://{where}/health/ready"
    return Finding(what, "wrong", f"is not ready at {where} ({status})", remedy)


def _reached_at(host: str) -> str:
    """Where what listens on `host` is reached from this machine."""
    try:
        return "localhost" if ipaddress.ip_address(host).is_unspecified else host
    except ValueError:
        return host


def _handles() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{soft} may be open at once"
    if soft != resource.RLIM_INFINITY and soft < _HANDLES:
        return Finding("files", "warning", text, f"ulimit -n {_HANDLES} (each connection is one)")
    return Finding("files", "ok", text)


async def _server(name: str, settings: Settings) -> list[Finding]:
    """What the adapter says of its server; without one, whether it takes connections."""
    value = str(getattr(settings, name.lower()))
    check = SERVER_CHECKS.get(name)
    if check is None:
        return await reachable(name, value)
    try:
        async with asyncio.timeout(_WITHIN):
            return list(await check(value))
    except TimeoutError:
        text = f"does not answer within {_WITHIN:g} s"
    except Exception as error:
        # A driver's message may quote the URL, and with it a password.
        text = f"could not be checked ({type(error).__name__})"
    return [Finding(name, "wrong", text, f"see to that server, or correct {name}")]

"""The only file that touches the disk: all or nothing, byte-stable, and removes what is stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from compiler.emit.wrap import wrapped

# A folder without this file is not ours to empty.
_MARK = ".generated"
# Written by protoc, which knows no style (pyproject.toml leaves them out, too).
_PROTOC = ("_pb2.py",)
_MARK_TEXT = "Everything in this folder is written by `python codegen.py`.\n"


class NotOurs(Exception):
    """The output folder holds files that the compiler did not write."""


def format_python(files: Mapping[str, str], package: str = "generated") -> dict[str, str]:
    """`files` with the Python ones formatted by ruff, in one run over a staging folder."""
    with tempfile.TemporaryDirectory(prefix="codegen-") as folder:
        stage = Path(folder)
        for name, text in files.items():
            path = stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        _ruff(stage, "check", "--select", "I,F401", "--fix", "--config", _first_party(package))
        _ruff(stage, "format")
        long = False
        for name in files:
            path = stage / name
            if path.suffix != ".py" or name.endswith(_PROTOC):
                continue
            if (text := path.read_text("utf-8")) != (new := wrapped(text)):
                path.write_text(new, encoding="utf-8", newline="\n")
                long = True
        if long:
            _ruff(stage, "format")
        return {name: (stage / name).read_text(encoding="utf-8") for name in files}


def _ruff(stage: Path, command: str, *more: str) -> None:
    options = ["--isolated", "--no-cache", "--quiet", "--config", "line-length=100"]
    options += ["--config", f"extend-exclude = {[f'*{name}' for name in (*_PROTOC, '_pb2.pyi')]}"]
    done = subprocess.run(  # noqa: S603 # our own linter, on files of our own making
        [sys.executable, "-m", "ruff", command, *options, "--target-version", "py311", *more, "."],
        cwd=stage,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"ruff {command}: {done.stdout}{done.stderr}")


def _first_party(package: str) -> str:
    names = ", ".join(f'"{name}"' for name in ("app", "compiler", "handlers", "runtime", package))
    return f"lint.isort.known-first-party = [{names}]"


def differences(files: Mapping[str, str], out: Path) -> list[str]:
    """What `write` would do, a line a file: `missing`, `differs` or `stale`; empty: nothing."""
    found: list[str] = []
    for name, text in sorted({**files, _MARK: _MARK_TEXT}.items()):
        try:
            # newline="" keeps \r, so that a checkout with converted line ends is seen to differ.
            with open(out / name, encoding="utf-8", newline="") as file:
                if file.read() != text:
                    found.append(f"differs {name}")
        except FileNotFoundError:
            found.append(f"missing {name}")
    found += [f"stale   {name}" for name in _strangers(files, out)]
    return found


def write(files: Mapping[str, str], out: Path) -> list[str]:
    """Makes `out` hold exactly `files`, and returns what changed. Nothing changed writes nothing.

    A new tree is written beside the old one and takes its place by two renames, so that a crash
    leaves the one or the other. Raises NotOurs when `out` is a folder with somebody else's files.
    """
    changed = differences(files, out)
    if not changed:
        return []
    if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
        raise NotOurs(f"{out} is not empty and was not generated: choose another folder with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for name, text in {**files, _MARK: _MARK_TEXT}.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        fresh.chmod(0o755)
        old = fresh.with_name(fresh.name + ".old")
        if out.exists():
            os.rename(out, old)
        os.rename(fresh, out)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return changed


def _strangers(files: Mapping[str, str], out: Path) -> list[str]:
    if not out.exists():
        return []
    kept = {*files, _MARK}
    return sorted(
        name
        for path in out.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and (name := path.relative_to(out).as_posix()) not in kept
    )

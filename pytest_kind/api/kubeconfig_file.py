"""The user's own kubeconfig: entries of a cluster go in and out, everything else stays.

Which file: kubectl's and kind's rule. ``--kubeconfig`` alone; else the files of ``$KUBECONFIG``, new entries in the first
that exists, or the last; else ``~/.kube/config`` (kind's ``pkg/cluster/internal/kubeconfig/internal/kubeconfig/paths.go``).
The lock beside it is client-go's (``tools/clientcmd/loader.go``), so that kubectl and kind wait for us and we for them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pytest_kind.config.texts import NO_YAML
from pytest_kind.errors import UsageError
from pytest_kind.waiting import Deadline, NotYet, wait_for

Document = dict[str, Any]

_SECTIONS = ("clusters", "users", "contexts")
_LOCK_SECONDS = 5.0
# Where a context of ours says which one was current before it: kubeconfig's own place for what tools add.
_EXTENSION = "io.pytest-kind"


def files(explicit: Path | None, environment: Mapping[str, str]) -> list[Path]:
    """The files that kubectl would read, never none.

    Args:
        explicit: what ``--kubeconfig`` says.
    """
    if explicit is not None:
        return [explicit]
    listed = dict.fromkeys(part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part)
    return [Path(part) for part in listed] or [Path(environment.get("HOME") or Path.home()) / ".kube" / "config"]


def target(paths: Sequence[Path]) -> Path:
    """The file that new entries go to."""
    return next((path for path in paths if path.is_file()), paths[-1])


def check(path: Path) -> None:
    """Raises what :func:`merge` would, before anything is made that it is for.

    Raises:
        UsageError: the file cannot be read, or is no kubeconfig.
    """
    _read(path)


def merge(path: Path, entry: Document) -> None:
    """Puts the one cluster, user and context of ``entry`` into a file and makes the context the current one.

    The file need not be there. Comments in it are lost, as they are whenever kubectl writes it.

    Raises:
        UsageError: the file cannot be read or written, or is no kubeconfig; it is left as it is.
        WaitTimeout: another program holds its lock.
    """
    with _locked(path):
        _write(path, merged(_read(path), entry))


def remove(path: Path, name: str) -> bool:
    """Takes the cluster, user and context of that name out of a file; whether there was anything to take.

    Raises:
        UsageError: as :func:`merge`.
        WaitTimeout: as :func:`merge`.
    """
    if not path.exists():
        return False
    with _locked(path):
        document = _read(path)
        left = without(document, name)
        if left == document:
            return False
        _write(path, left)
    return True


def update(path: Path, entry: Document) -> bool:
    """Renews the cluster and user of ``entry`` in a file that has them, and nothing else; whether that changed anything.

    Raises:
        UsageError: as :func:`merge`.
        WaitTimeout: as :func:`merge`.
    """
    name = entry["current-context"]
    if not any(one["name"] == name for one in _read(path).get("clusters") or ()):
        return False
    with _locked(path):
        document = _read(path)
        fresh = {**merged(document, entry), "contexts": document.get("contexts"), "current-context": document.get("current-context")}
        if fresh == document:
            return False
        _write(path, fresh)
    return True


def merged(document: Document, entry: Document) -> Document:
    """The document with the entries: replaced where they are, else at the end."""
    name, before = entry["current-context"], document.get("current-context")
    if before == name:  # it is there already: what was current before it is still what it says
        before = _before(document, name)
    result = {"apiVersion": "v1", "kind": "Config", **document}
    for section in _SECTIONS:
        fresh = dict(entry[section][0])
        if section == "contexts" and before:
            note = {"name": _EXTENSION, "extension": {"previousContext": before}}
            fresh["context"] = {**fresh["context"], "extensions": [note]}
        entries = list(document.get(section) or ())
        there = [one["name"] for one in entries]
        if fresh["name"] in there:
            entries[there.index(fresh["name"])] = fresh
        else:
            entries.append(fresh)
        result[section] = entries
    return {**result, "current-context": name}


def without(document: Document, name: str) -> Document:
    """The document without the entries; the context that was current before them is again, if it is still there."""
    result = dict(document)
    for section in _SECTIONS:
        if document.get(section):
            result[section] = [one for one in document[section] if one["name"] != name]
    if document.get("current-context") == name:
        before = _before(document, name)
        result["current-context"] = before if any(one["name"] == before for one in result.get("contexts") or ()) else ""
    return result


def _before(document: Document, name: str) -> str:
    for one in document.get("contexts") or ():
        if one["name"] == name and isinstance(one.get("context"), dict):
            for extension in one["context"].get("extensions") or ():
                if isinstance(extension, dict) and extension.get("name") == _EXTENSION:
                    return str((extension.get("extension") or {}).get("previousContext") or "")
    return ""


def _read(path: Path) -> Document:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except NO_YAML as error:
        raise _broken(path, " ".join(str(error).split())) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _broken(path, f"it holds a {type(document).__name__}, not a mapping")
    wrong = [problem for section in _SECTIONS for problem in _problems(section, document.get(section))]
    if wrong:
        raise _broken(path, "; ".join(wrong))
    return document


def _problems(section: str, entries: object) -> Iterator[str]:
    if entries is None:
        return
    if not isinstance(entries, list):
        yield f"{section}: must be a list, found {entries!r:.60}"
        return
    for index, one in enumerate(entries):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            yield f"{section}[{index}]: must be a mapping with a name, found {type(one).__name__}"  # its value may be a secret


def _broken(path: Path, why: str) -> UsageError:
    return UsageError(f"{path}: is no kubeconfig and is left as it is: {why}; mend it, or name another with --kubeconfig")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(f"{path.name}.lock")

    def take() -> NotYet | bool:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
        except FileExistsError:
            return NotYet(f"{lock} is there; if no kubectl or kind is writing the file now, one that died left it: remove it")
        return True

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        wait_for(f"the lock of {path}", take, Deadline(_LOCK_SECONDS))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _write(path: Path, document: Document) -> None:
    real = path.resolve()  # what a link leads to, so that the link stays
    fresh = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode from the start
            if real.exists():
                _as(real.stat(), file.fileno())
            yaml.safe_dump(document, file, sort_keys=False, allow_unicode=True)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(real)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)


def _as(before: os.stat_result, file: int) -> None:
    """A user's file stays theirs under ``sudo``, and as private as they made it."""
    now = os.fstat(file)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(file, before.st_uid, before.st_gid)
    os.fchmod(file, stat.S_IMODE(before.st_mode))

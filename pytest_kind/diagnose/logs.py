"""Everything that a cluster's machines can tell, as files: kind's layout and names, so that what reads kind's reads these.

Best effort: what cannot be had is noted and the rest goes on (kind's ``pkg/cluster/internal/logs``). Private keys and
tokens are removed from what the node says, values from environment variables; pods' logs are as their pods wrote them.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_kind import labels
from pytest_kind.diagnose.redact import redacted
from pytest_kind.errors import KindError

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Container, Provider

FAILURES = "failures.txt"
_COMMANDS = {
    "journal.log": ("journalctl", "--no-pager"),
    "kubelet.log": ("journalctl", "--no-pager", "--unit", "kubelet.service"),
    "containerd.log": ("journalctl", "--no-pager", "--unit", "containerd.service"),
    "kubernetes-version.txt": ("cat", "/kind/version"),
    "images.log": ("ctr", "--namespace", "k8s.io", "images", "list"),
}
# A file each where they run as units of the node; their pods' logs are among the others' else.
_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_FOLDERS = ("pods", "containers")
_LOGS = "/var/log/"
_COMMAND_SECONDS = 60.0
_CONSOLE_LINES = 1_000_000
_AT_ONCE = 8
# Variables of a node that say how it was made; the value of any other may be a proxy's password.
_PLAIN = {"PATH", "KUBECONFIG", "container", "KIND_DNS_SEARCH"}


def export_logs(connect: Callable[[], Provider], machines: Sequence[Container], folder: Path) -> list[str]:
    """Writes the logs of a cluster's machines, each in a folder of its name, several at once.

    Args:
        connect: one more connection to the engine; each machine has its own.
        folder: made where it is not there.

    Returns:
        What could not be had and why, a line each; ``failures.txt`` in the folder has the same.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    _write(folder / "versions.json", json.dumps(_versions(), indent=2))
    with _noting(failed, "engine.json"), contextlib.closing(connect()) as provider:
        _write(folder / "engine.json", json.dumps(asdict(provider.info()), indent=2))

    def one(machine: Container) -> list[str]:
        export = _Machine(machine, folder / machine.name)
        with _noting(export.failed, machine.name), contextlib.closing(connect()) as provider:
            export.all(provider)
        return export.failed

    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(machines))), thread_name_prefix="pytest-kind-logs") as pool:
        for found in pool.map(one, machines):
            failed += found
    if failed:
        _write(folder / FAILURES, "\n".join(failed))
    else:
        (folder / FAILURES).unlink(missing_ok=True)  # an earlier export's
    return failed


@dataclass(slots=True)
class _Machine:
    """What is had of one machine."""

    machine: Container
    folder: Path
    failed: list[str] = field(default_factory=list)

    def all(self, provider: Provider) -> None:
        self.folder.mkdir(exist_ok=True)
        with self._noting("inspect.json"):
            self._write("inspect.json", json.dumps([_bare(provider.inspect(self.machine.id))], indent=2, default=str))
        with self._noting("serial.log"):
            self._write("serial.log", provider.logs(self.machine.id, _CONSOLE_LINES))
        if self.machine.labels.get(labels.ROLE) == labels.ROLE_LOAD_BALANCER:
            return  # it has no systemd, no containerd and no pods
        if self.machine.running:
            for name, argv in _COMMANDS.items():
                with self._noting(name):
                    self._command(provider, name, argv)
            if self.machine.labels.get(labels.ROLE) == labels.ROLE_CONTROL_PLANE:
                for name in _CONTROL_PLANE:
                    with self._noting(f"{name}.log"):
                        self._command(provider, f"{name}.log", ["journalctl", "--no-pager", "--quiet", "--unit", f"{name}.service"], always=False)
        else:
            self.failed.append(f"{self.machine.name}: its container is {self.machine.state}, so no {', '.join(_COMMANDS)}")
        for name in _FOLDERS:  # from the container's files: a machine that is off has them too
            with self._noting(name), provider.get(self.machine.id, f"{_LOGS}{name}") as archive, tarfile.open(fileobj=archive) as tar:
                unpack(tar, self.folder)

    def _command(self, provider: Provider, name: str, argv: Sequence[str], *, always: bool = True) -> None:
        result = provider.exec(self.machine.id, argv, seconds=_COMMAND_SECONDS)
        text = redacted(result.output if result.code else result.stdout)
        if text.strip() or always:
            self._write(name, text)
        if result.code:
            raise KindError(f"`{' '.join(argv)}` ended with {result.code}")

    def _write(self, name: str, text: str) -> None:
        _write(self.folder / name, text)

    def _noting(self, name: str) -> contextlib.AbstractContextManager[None]:
        return _noting(self.failed, f"{self.machine.name}/{name}")


@contextlib.contextmanager
def _noting(failed: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except (KindError, tarfile.TarError, OSError) as error:
        failed.append(f"{what}: {error}")


def unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Files and folders of an archive from ``/var/log``, and links among them, made relative. Nothing gets out of the folder."""
    for member in tar:
        parts = PurePosixPath(member.name).parts
        if not parts or parts[0] not in _FOLDERS or ".." in parts:
            continue
        place = folder.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        if member.isdir():
            place.mkdir(exist_ok=True)
        elif member.isfile():
            content = tar.extractfile(member)
            if content is not None:
                with place.open("wb") as file:
                    shutil.copyfileobj(content, file)
        elif member.issym() and member.linkname.startswith(_LOGS) and ".." not in PurePosixPath(member.linkname).parts:
            place.unlink(missing_ok=True)
            place.symlink_to(os.path.relpath(folder / member.linkname.removeprefix(_LOGS), place.parent))


def _bare(inspected: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine knows of a container, without the values of environment variables."""
    config = dict(inspected.get("Config") or {})
    if config.get("Env"):
        parts = (one.partition("=") for one in config["Env"])
        config["Env"] = [f"{name}={value if name in _PLAIN else '[removed]'}" for name, _, value in parts]
    return {**inspected, "Config": config}


def _versions() -> dict[str, str]:
    return {
        "pytest-kind-native": metadata.version("pytest-kind-native"),
        "docker (Python)": metadata.version("docker"),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")

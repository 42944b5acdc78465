"""What ``--fix`` does. The only place of this package that changes a machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.diagnose.doctor.finding import Finding, Fix, LoadModules, SetSysctl, Sweep
from pytest_kind.errors import CommandError, EngineError
from pytest_kind.lease.sweep import sweep
from pytest_kind.provision.provider import Bind, ContainerSpec

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider

SYSCTL_FILE = Path("/etc/sysctl.d/60-pytest-kind.conf")
_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mender:
    """What mends with.

    Attributes:
        here: whether the engine's machine is this one and this process may change it: else a privileged container does.
        image: a node image for such a container, if there is one.
        modules: whether the engine's machine has a /lib/modules.
        own: a session of the caller's, whose the container is.
    """

    provider: Provider
    cache: Path
    here: bool
    image: str | None
    modules: bool
    own: str | None
    marks: Mapping[str, str]

    def mend(self, findings: Iterable[Finding]) -> Iterator[str]:
        """Applies each fix once; a line for each thing that was done, or could not be."""
        for fix in dict.fromkeys(finding.fix for finding in findings if finding.fix is not None):
            try:
                yield from self._apply(fix)
            except (EngineError, CommandError) as error:
                yield f"{fix}: failed: {error}"

    def _apply(self, fix: Fix) -> list[str]:
        if isinstance(fix, Sweep):
            swept = sweep(self.provider, self.cache, self.own)
            return [*(f"removed {one}" for one in swept.removed), f"removed what dead sessions left in {self.cache}"]
        if self.here:
            with contextlib.suppress(CommandError):  # a sandbox may not let even root do it, and a container of the engine may
                _here(fix)
                return [f"{fix} (on this machine, until it boots anew)"]
        if self.image is None:
            return [f"{fix}: not done: it takes root on the engine's machine, or a node image for a privileged container there"]
        self._there(_command(fix))
        return [f"{fix} (on the engine's machine, by a privileged container; until it boots anew)"]

    def _there(self, argv: list[str]) -> None:
        """Runs a command in a privileged container, whose kernel is the engine's."""
        spec = ContainerSpec(
            name=f"pytest-kind-mend-{secrets.token_hex(4)}",
            image=self.image or "",
            labels={**self.marks, labels.KIND: "probe"},
            entrypoint=["sleep"],
            command=[f"{_SECONDS:.0f}"],
            network="host",
            binds=[Bind(source="/lib/modules", target="/lib/modules", read_only=True)] if self.modules else [],
        )
        container = self.provider.create(spec)
        try:
            self.provider.start(container)
            done = self.provider.exec(container, argv, seconds=_SECONDS)
        finally:
            self.provider.remove(container)
        if done.code:
            raise CommandError("the engine's machine", argv, done.code, done.output)


def _file(fix: SetSysctl) -> str:
    return f"/proc/sys/{fix.name.replace('.', '/')}"


def _command(fix: SetSysctl | LoadModules) -> list[str]:
    """By what every system has: `sysctl` is a package of its own."""
    return ["sh", "-c", f"echo {fix.value} >{_file(fix)}"] if isinstance(fix, SetSysctl) else ["modprobe", "-a", *fix.names]


def _here(fix: SetSysctl | LoadModules) -> None:
    argv = _command(fix)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except OSError as error:
        raise CommandError("this machine", argv, 127, str(error)) from error
    if done.returncode:
        raise CommandError("this machine", argv, done.returncode, done.stdout + done.stderr)


def persist(findings: Iterable[Finding], file: Path | None = None) -> list[str]:
    """Writes the settings among the fixes into a file that the machine reads when it boots; what that has already stays. A line says so."""
    file = file or SYSCTL_FILE
    wanted = {fix.name: fix.value for finding in findings if isinstance(fix := finding.fix, SetSysctl)}
    if not wanted:
        return []
    lines = []
    with contextlib.suppress(FileNotFoundError):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.partition("=")[0].strip() not in wanted]
    content = "\n".join(
        [*(lines or ["# Written by `pytest-kind doctor --fix --persist`."]), *(f"{name} = {value}" for name, value in wanted.items()), ""]
    )
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(content, encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(file)
    except OSError as error:
        return [f"{file}: not written: {error.strerror}; it takes root on this machine"]
    return [f"wrote {file}: {', '.join(f'{name} = {value}' for name, value in wanted.items())}"]

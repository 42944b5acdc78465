"""What ``--fix`` does, and does not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_kind import labels
from pytest_kind.diagnose.doctor import mend
from pytest_kind.diagnose.doctor.finding import Finding, Fix, LoadModules, Rule, SetSysctl, Severity, Sweep
from pytest_kind.errors import EngineError
from pytest_kind.lease.session import Session
from support.engine import FakeEngine

RULE = Rule(id="a", severity=Severity.WARNING, what="a", why="b", remedy="c", fixable=True)
INSTANCES = SetSysctl("fs.inotify.max_user_instances", 512)
MODULES = LoadModules(("bridge", "veth"))


def findings(*fixes: Fix | None) -> list[Finding]:
    return [RULE.found("found", fix=fix) for fix in fixes]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have run on this machine; it is refused where a test says so by a first item."""
    ran: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        refused = ran[:1] == [["refuse"]]
        ran.append(argv)
        return subprocess.CompletedProcess(argv, int(refused), "", "Permission denied")

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def mender(engine: FakeEngine, cache: Path, *, here: bool = False, image: str | None = "sha256:node") -> mend.Mender:
    marks = {labels.SESSION: "1"}
    return mend.Mender(provider=engine, cache=cache, here=here, image=image, modules=True, own=None, marks=marks)


def test_what_this_machine_may_change_it_changes(engine: FakeEngine, cache: Path, commands: list[list[str]]) -> None:
    done = list(mender(engine, cache, here=True).mend(findings(INSTANCES, MODULES, INSTANCES, None)))
    assert done == [
        "sysctl -w fs.inotify.max_user_instances=512 (on this machine, until it boots anew)",
        "modprobe -a bridge veth (on this machine, until it boots anew)",
    ]
    assert commands == [["sh", "-c", "echo 512 >/proc/sys/fs/inotify/max_user_instances"], ["modprobe", "-a", "bridge", "veth"]]
    assert engine.made("create") == []


def test_else_a_container_does_it(engine: FakeEngine, cache: Path, commands: list[list[str]]) -> None:
    commands.append(["refuse"])
    for here in (True, False):
        done = list(mender(engine, cache, here=here).mend(findings(INSTANCES)))
        assert done == ["sysctl -w fs.inotify.max_user_instances=512 (on the engine's machine, by a privileged container; until it boots anew)"]
    assert engine.made("exec") == ["sh -c echo 512 >/proc/sys/fs/inotify/max_user_instances"] * 2
    assert engine.names == []


def test_without_an_image_it_is_not_done_and_said(engine: FakeEngine, cache: Path) -> None:
    (line,) = mender(engine, cache, image=None).mend(findings(MODULES))
    assert line == "modprobe -a bridge veth: not done: it takes root on the engine's machine, or a node image for a privileged container there"


def test_what_fails_is_said_and_the_rest_is_done(engine: FakeEngine, cache: Path) -> None:
    engine.answer(["modprobe"], "FATAL: Module bridge not found", code=1)
    failed, done = mender(engine, cache).mend(findings(MODULES, INSTANCES))
    assert failed.startswith("modprobe -a bridge veth: failed: the engine's machine: `modprobe -a bridge veth` ended with 1:")
    assert done.startswith("sysctl -w fs.inotify.max_user_instances=512 (")
    engine.fail("start", EngineError("refused"))
    assert list(mender(engine, cache).mend(findings(INSTANCES))) == ["sysctl -w fs.inotify.max_user_instances=512: failed: refused"]
    assert engine.names == []


def test_a_missing_program_is_said(engine: FakeEngine, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (line,) = mender(engine, cache, here=True, image=None).mend(findings(MODULES))
    assert "not done" in line


def test_leftovers_go_and_nothing_else(engine: FakeEngine, cache: Path) -> None:
    dead, alive = Session.open(cache), Session.open(cache)
    engine.add_container("left", {**dead.labels(lease=300), labels.CLUSTER: "left"})
    engine.add_container("used", {**alive.labels(lease=300), labels.CLUSTER: "used"})
    engine.add_container("kept", {**dead.labels(keep=True), labels.CLUSTER: "kept"})
    dead._lock.release()
    done = list(mender(engine, cache).mend(findings(Sweep())))
    assert done == ["removed container left", f"removed what dead sessions left in {cache}"]
    assert engine.names == ["kept", "used"]
    assert not dead.folder.exists()
    alive.close()


class TestPersist:
    """Settings that outlive a boot."""

    def test_settings_are_written_once_each(self, tmp_path: Path) -> None:
        file = tmp_path / "60.conf"
        said = mend.persist(findings(INSTANCES, INSTANCES, MODULES, None), file)
        assert said == [f"wrote {file}: fs.inotify.max_user_instances = 512"]
        assert file.read_text(encoding="utf-8") == "# Written by `pytest-kind doctor --fix --persist`.\nfs.inotify.max_user_instances = 512\n"
        assert file.stat().st_mode & 0o777 == 0o644
        assert list(tmp_path.iterdir()) == [file]

    def test_what_the_file_has_stays_but_for_the_same_setting(self, tmp_path: Path) -> None:
        file = tmp_path / "60.conf"
        file.write_text("# mine\nfs.inotify.max_user_instances = 100\nvm.swappiness=1\n", encoding="utf-8")
        mend.persist(findings(INSTANCES), file)
        assert file.read_text(encoding="utf-8") == "# mine\nvm.swappiness=1\nfs.inotify.max_user_instances = 512\n"

    def test_without_settings_no_file_is_made(self, tmp_path: Path) -> None:
        assert mend.persist(findings(MODULES, Sweep()), tmp_path / "60.conf") == []
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        (said,) = mend.persist(findings(INSTANCES), tmp_path / "none" / "60.conf")
        assert said == f"{tmp_path}/none/60.conf: not written: No such file or directory; it takes root on this machine"

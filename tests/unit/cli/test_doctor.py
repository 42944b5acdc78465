"""``doctor``: what it prints, how it ends, and what ``--fix`` does before it looks again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_kind import cli, labels
from pytest_kind.diagnose.doctor import mend
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine
from support.engine import FakeEngine

# What a container of a healthy machine says, and one whose kernel has no netfilter.
HEALTHY = "== instances\n1024\n== disk\n800000000000\n== systemd\nsystemd 252\n== has iptables\nyes\n== end\n"


@pytest.fixture(autouse=True)
def _there(engine: FakeEngine, own_environment: None, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A machine of which nothing is wrong, with a node image in its engine."""
    monkeypatch.setenv("PYTEST_KIND_CACHE_DIR", str(cache))
    engine.add_node_image()
    engine.answer(["sh", "-c"], HEALTHY)


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_where_nothing_is_wrong(engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kind: Fake 1.0 at unix:///fake: overlay2, images in docker's store, cgroup v2, kernel fake-1, 2 processors, 8.0 GiB",
        "kind: nothing is wrong",
    ]
    assert engine.names == []
    assert list((cache / "sessions").iterdir()) == []


def test_findings_are_told_the_worst_first(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.say(userns=True, cpus=1, cgroup_version=1)
    engine.answer(["sh", "-c"], HEALTHY.replace("yes", "no"))
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1].strip() for line in lines if line.startswith(("error:", "warning:", "note:"))] == [
        "engine-userns",
        "kernel-iptables",
        "cpus",
        "cgroup-v1",
    ]
    start = lines.index("error: kernel-iptables: kernel fake-1 has no iptables")
    assert lines[start : start + 4] == [
        "error: kernel-iptables: kernel fake-1 has no iptables",
        "  why:    no Service would answer",
        (
            "  remedy: load what is missing on the engine's machine: "
            "`sudo modprobe -a nf_conntrack iptable_nat xt_comment xt_mark xt_statistic xt_MASQUERADE`"
        ),
        "  --fix:  modprobe -a nf_conntrack iptable_nat xt_comment xt_mark xt_statistic xt_MASQUERADE",
    ]
    assert lines[-1] == "kind: 2 errors, 1 warning, 1 note"


def test_warnings_alone_are_exit_code_0(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.say(cpus=1)
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("\nkind: 1 warning\n")


@pytest.mark.parametrize("form", [["--json"], ["-o", "json"]])
def test_for_scripts(engine: FakeEngine, capsys: pytest.CaptureFixture[str], form: list[str]) -> None:
    engine.say(userns=True)
    assert cli.main(["doctor", *form]) == 1
    assert said(capsys) == {
        "version": 1,
        "engine": {
            "name": "Fake 1.0",
            "address": "unix:///fake",
            "api": "1.45",
            "storage_driver": "overlay2",
            "image_store": "docker",
            "cgroup_version": 2,
            "kernel": "fake-1",
            "cpus": 2,
            "memory": 8 << 30,
        },
        "findings": [
            {
                "id": "engine-userns",
                "severity": "error",
                "found": "Fake 1.0 at unix:///fake",
                "why": "it starts no privileged container in a user namespace, and nodes are privileged",
                "remedy": 'take "userns-remap" out of /etc/docker/daemon.json and restart the engine',
                "fix": None,
            }
        ],
        "mended": [],
        "not_looked_at": [],
        "errors": 1,
        "warnings": 0,
        "notes": 0,
    }


def test_what_could_not_be_looked_at_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = FakeEngine(tmp_path / "empty")
    monkeypatch.setattr(docker_engine, "connect", lambda *_: empty)
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("note: image-missing: pytest-kind/node:v") for line in lines)
    assert [line for line in lines if "not looked at" in line] == [
        (
            "kind: not looked at: privileged containers, kernel features, the node image's systemd, open files and all routes: "
            "there is no node image in the engine yet"
        ),
        "kind: not looked at: room in /var/lib/fake: it is not on this machine, or not to be seen",
    ]
    assert empty.made("create") == []


def test_a_cache_that_cannot_be_used_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["--cache-dir", str(tmp_path / "file"), "doctor", "--json"]) == 1
    found = said(capsys)
    assert [one["id"] for one in found["findings"]] == ["cache-unwritable"]
    assert "--kind-cache-dir" in str(found["not_looked_at"])


def test_a_configuration_is_looked_at_for_what_it_asks_for(engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kind.yaml"
    file.write_text("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane, cpus: 64}]\n", encoding="utf-8")
    engine.add_container("dev-control-plane", {})
    assert cli.main(["doctor", "--config", str(file), "--name", "dev", "--network", "kind", "--json"]) == 1
    assert [one["id"] for one in said(capsys)["findings"]] == ["cpus-of-nodes", "network-missing", "name-taken"]


def test_a_configuration_that_is_none_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: 1 problem" in capsys.readouterr().err


def test_persist_without_fix_is_wrong_usage(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--persist"]) == 2
    assert capsys.readouterr().err.startswith("pytest-kind: --persist: given without --fix")
    assert engine.calls == []


class TestFix:
    """It mends, says so, and looks again."""

    def test_leftovers_go(self, engine: FakeEngine, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
        dead = Session.open(cache)
        dead._lock.release()
        engine.add_container("left", {**dead.labels(), labels.CLUSTER: "left"})
        (cache / "locks").mkdir()
        (cache / "locks" / "image-1.lock").touch()
        assert cli.main(["doctor"]) == 0
        assert "warning: leftovers: container left\n" in capsys.readouterr().out
        assert cli.main(["doctor", "--fix"]) == 0
        assert capsys.readouterr().out.splitlines()[1:] == [
            "kind: mended: removed container left",
            f"kind: mended: removed what dead sessions left in {cache}",
            "kind: nothing is wrong",
        ]
        assert engine.names == []
        assert not list(cache.glob("locks/*"))

    def test_a_setting_is_raised_by_a_container_and_kept_in_a_file(
        self, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(mend, "SYSCTL_FILE", tmp_path / "60.conf")
        engine.answer(["sh", "-c"], HEALTHY.replace("1024", "8"), times=1)
        assert cli.main(["doctor", "--fix", "--persist", "--json"]) == 0
        found = said(capsys)
        assert found["mended"] == [
            "sysctl -w fs.inotify.max_user_instances=512 (on the engine's machine, by a privileged container; until it boots anew)",
            f"wrote {tmp_path / '60.conf'}: fs.inotify.max_user_instances = 512",
        ]
        assert found["findings"] == []
        assert "sh -c echo 512 >/proc/sys/fs/inotify/max_user_instances" in engine.made("exec")
        assert engine.names == []

    def test_what_it_could_not_mend_is_still_found(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        engine.answer(["sh", "-c"], HEALTHY.replace("yes", "no"))
        engine.answer(["modprobe"], "FATAL: not found", code=1)
        assert cli.main(["doctor", "--fix", "--json"]) == 1
        found = said(capsys)
        assert "failed: the engine's machine: `modprobe -a nf_conntrack" in str(found["mended"])
        assert [one["id"] for one in found["findings"]] == ["kernel-iptables"]

    def test_with_nothing_to_mend_nothing_is_done(self, engine: FakeEngine) -> None:
        engine.say(userns=True)
        assert cli.main(["doctor", "--fix"]) == 1
        assert engine.calls.count("survey") == 1

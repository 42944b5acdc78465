"""What files and programs of the engine's machine say, read; and what a container there is asked."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_kind import labels
from pytest_kind.diagnose.doctor.collect.here import routes
from pytest_kind.diagnose.doctor.collect.machine import machine_of, see_from_here
from pytest_kind.diagnose.doctor.collect.trial import look_around, script, sections
from pytest_kind.diagnose.doctor.facts import Machine, Route
from pytest_kind.diagnose.doctor.judge import judge
from pytest_kind.errors import EngineError
from pytest_kind.provision.provider import ContainerSpec
from support.doctor import FEATURES, HEALTHY, facts
from support.engine import FakeEngine

SAID = """== instances
128
== watches
8192
== memory
MemTotal: 100 kB
MemAvailable:     2048 kB
== open-files
unlimited
== disk
1000
== inodes
500 400
== routes
[{"dst":"default","gateway":"10.0.0.1","dev":"eth0"},{"dst":"10.8.0.0/16","dev":"tun0"},{"dst":"172.17.0.0/16","dev":"docker0"}]
[{"dst":"fe80::/64","dev":"eth0"},{"dst":"fd00:9::/64","dev":"tun0"},{"type":"local","dst":"10.0.0.2","dev":"eth0"}]
== systemd
systemd 252 (252.1)
== capabilities
000001fffeffffff
== has ipvs
no
== has bridge
yes
== end
"""


def test_what_is_said_is_read() -> None:
    assert machine_of(sections(SAID)) == Machine(
        inotify_instances=128,
        inotify_watches=8192,
        memory_free=2048 * 1024,
        disk_free=1000,
        inodes_free=400,
        routes=(Route(network="10.8.0.0/16", device="tun0"), Route(network="fd00:9::/64", device="tun0")),
        features={"ipvs": False, "bridge": True},
        systemd=252,
        capabilities=0x1FFFEFFFFFF,
    )


@pytest.mark.parametrize("said", ["", "== instances\n\n== disk\n\n== systemd\nsh: not found\n== routes\nObject is not known\n", "== instances\n"])
def test_what_is_not_said_stays_unknown_and_is_judged_by_nobody(said: str) -> None:
    machine = machine_of(sections(said))
    assert machine == Machine()
    assert judge(replace(HEALTHY, machine=machine)) == []


def test_a_file_system_without_a_bound_of_inodes_has_none() -> None:
    assert machine_of({"inodes": "0 0"}).inodes_free is None


def test_vpns_that_take_everything_are_no_route_to_a_network() -> None:
    said = json.dumps([{"dst": one, "dev": "tun0"} for one in ("0.0.0.0/1", "128.0.0.0/1", "224.0.0.0/4", "169.254.0.0/16", "10.244.3.3")])
    assert machine_of({"routes": said}).routes == (Route(network="10.244.3.3/32", device="tun0"),)


def test_the_kernels_own_table_is_read() -> None:
    text = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\n"
    assert routes(text + "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n") == [("0.0.0.0/0", True), ("172.17.0.0/16", False)]
    assert routes("") == []


def test_an_engine_of_another_kernel_is_not_this_machine() -> None:
    assert HEALTHY.engine is not None
    others: list[dict[str, Any]] = [{"kernel": "other"}, {"local": False}, {"system": "Docker Desktop"}]
    for changes in others:
        assert see_from_here(replace(HEALTHY.engine, **changes), HEALTHY.here) == {}


def test_this_machine_is_read_here(tmp_path: Path) -> None:
    kernel = os.uname().release
    seen = facts(engine={"kernel": kernel, "root": str(tmp_path), "address": f"unix://{tmp_path}/none"}, here={"kernel": kernel})
    assert seen.engine is not None
    machine = machine_of(see_from_here(seen.engine, seen.here))
    assert machine.inotify_instances == int(Path("/proc/sys/fs/inotify/max_user_instances").read_text(encoding="utf-8"))
    assert machine.disk_free is not None
    assert machine.disk_free > 0
    assert machine.memory_free is not None
    assert machine.features == {}


def test_the_script_is_one_that_a_shell_takes() -> None:
    subprocess.run(["sh", "-n", "-c", script()], check=True)
    assert [name for name in FEATURES if f"== has {name}" not in script()] == []


class TestContainer:
    """It looks around, and goes."""

    def look(self, engine: FakeEngine) -> dict[str, str]:
        return look_around(engine, "sha256:node", {labels.SESSION: "1"}, modules=True)

    def test_it_says_what_it_sees(self, engine: FakeEngine) -> None:
        engine.answer(["sh", "-c"], SAID)
        said = self.look(engine)
        assert said["instances"] == "128"
        assert said["has bridge"] == "yes"
        assert engine.names == []

    def test_it_is_marked_and_sees_the_machines_network(self, tmp_path: Path) -> None:
        made: list[ContainerSpec] = []

        class Spying(FakeEngine):
            def create(self, spec: ContainerSpec) -> str:
                made.append(spec)
                return super().create(spec)

        self.look(Spying(tmp_path / "spying"))
        (spec,) = made
        assert (spec.network, spec.volume, spec.labels) == ("host", "/var", {labels.SESSION: "1", labels.KIND: "probe"})
        assert [bind.source for bind in spec.binds] == ["/lib/modules"]

    def test_one_that_does_not_start_says_why(self, engine: FakeEngine) -> None:
        engine.fail("start", EngineError("operation not permitted"))
        assert self.look(engine) == {"refused": "operation not permitted"}
        assert engine.names == []

    @pytest.mark.parametrize("error", [EngineError("gone"), KeyboardInterrupt()])
    def test_nothing_of_it_is_left(self, engine: FakeEngine, error: BaseException) -> None:
        engine.fail("exec", error)
        with pytest.raises(type(error)):
            self.look(engine)
        assert engine.names == []

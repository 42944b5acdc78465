"""What a configuration asks of the kernel: tried out, refused by name, and nothing left of the trial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_kind import labels
from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import EngineError, UsageError
from pytest_kind.provision import kernel
from pytest_kind.provision.provider import ContainerSpec
from support.engine import FakeEngine

MARKS = {labels.SESSION: "1"}
IPV6 = "networking.ipFamily: the engine's kernel has no IPv6 (kernel module ipv6)"
NFTABLES = "networking.kubeProxyMode: the engine's kernel has no nftables (kernel module nf_tables)"
IPVS = "networking.kubeProxyMode: the engine's kernel has no IPVS (kernel module ip_vs)"
DUMMY = "networking.kubeProxyMode: the engine's kernel has no dummy interfaces (kernel module dummy)"
# What a kernel lacks -> how the command that tries it begins.
TRIALS = {IPV6: "[ -e /proc/sys/net/ipv6 ]", NFTABLES: "nft add table", IPVS: "modprobe ip_vs", DUMMY: "ip link add"}


class Spying(FakeEngine):
    """An engine that keeps what it was told to create, and lacks what a test says."""

    specs: list[ContainerSpec]
    lacks: tuple[str, ...] = ()

    def create(self, spec: ContainerSpec) -> str:
        self.specs.append(spec)
        return super().create(spec)

    def exec(self, container: str, argv: Any, **rest: Any) -> Any:
        result = super().exec(container, argv, **rest)
        return replace(result, code=1) if any(argv[-1].startswith(TRIALS[one]) for one in self.lacks) else result


@pytest.fixture
def engine(tmp_path: Any) -> Spying:
    made = Spying(tmp_path / "engine")
    made.specs = []
    return made


def check(engine: FakeEngine, **networking: Any) -> None:
    kernel.check(engine, engine.info(), ClusterConfig(networking=Networking(**networking)), image="sha256:node", marks=MARKS)


@pytest.mark.parametrize("mode", ["iptables", "none"])
def test_what_every_kernel_has_is_not_tried(engine: Spying, mode: str) -> None:
    check(engine, kube_proxy_mode=mode)
    assert engine.made("create") == []


@pytest.mark.parametrize(
    ("networking", "trials"),
    [
        ({"ip_family": "ipv6"}, [IPV6]),
        ({"ip_family": "dual"}, [IPV6]),
        ({"kube_proxy_mode": "nftables"}, [NFTABLES]),
        ({"kube_proxy_mode": "ipvs"}, [IPVS, DUMMY]),
        ({"kube_proxy_mode": "ipvs", "ip_family": "dual"}, [IPV6, IPVS, DUMMY]),
    ],
)
def test_each_wish_is_tried_and_what_is_lacking_refused(engine: Spying, networking: dict[str, Any], trials: list[str]) -> None:
    check(engine, **networking)
    assert [call.removeprefix("sh -c ")[: len(TRIALS[one])] for call, one in zip(engine.made("exec"), trials, strict=True)] == [
        TRIALS[one] for one in trials
    ]
    for lacks in trials:
        engine.lacks = (lacks,)
        with pytest.raises(UsageError) as caught:
            check(engine, **networking)
        assert str(caught.value) == lacks
    engine.lacks = tuple(trials)
    with pytest.raises(UsageError) as caught:
        check(engine, **networking)
    assert str(caught.value) == "; ".join(trials)
    assert engine.names == []


def test_the_trial_is_marked_and_has_the_nodes_programs(engine: Spying) -> None:
    check(engine, ip_family="ipv6")
    (spec,) = engine.specs
    assert spec.name.startswith("pytest-kind-probe-")
    assert (spec.image, spec.labels) == ("sha256:node", {**MARKS, labels.KIND: "probe"})
    assert (spec.entrypoint, spec.command, spec.ports, spec.binds) == (["sleep"], ["60"], (), [])
    assert engine.names == []


def test_modules_are_loaded_from_where_the_engine_has_them(engine: Spying) -> None:
    config = ClusterConfig(networking=Networking(ip_family="ipv6"))
    kernel.check(engine, replace(engine.info(), kernel_modules=True), config, image="sha256:node", marks=MARKS)
    assert [(bind.source, bind.target, bind.read_only) for bind in engine.specs[0].binds] == [("/lib/modules", "/lib/modules", True)]


@pytest.mark.parametrize("method", ["start", "exec"])
@pytest.mark.parametrize("error", [EngineError("driver failed"), KeyboardInterrupt()])
def test_a_trial_that_goes_wrong_leaves_nothing(engine: Spying, method: str, error: BaseException) -> None:
    engine.fail(method, error)
    with pytest.raises(type(error)):
        check(engine, ip_family="ipv6")
    assert engine.names == []

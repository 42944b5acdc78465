"""Faults of a control plane of static pods: three of them behind a load balancer. How long each takes, and that writes go on.

pytest tests/drills/faults.py -p no:randomly --kind-timeout=300
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from kubernetes.client import CoreV1Api
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from pytest_kind import KindCluster
from support import records

SECONDS = 120.0
Cause = Callable[[KindCluster], AbstractContextManager[None]]

pytestmark = pytest.mark.kind({"nodes": [{"role": "control-plane"}] * 3})


def _second(cluster: KindCluster) -> str:
    return cluster.nodes[1].name


@pytest.mark.parametrize(
    "cause",
    [
        pytest.param(lambda c: c.api_server_down(node=_second(c)), id="api server of one"),
        pytest.param(lambda c: c.api_server_restarted(node=_second(c)), id="api server of one begins anew"),
        pytest.param(lambda c: c.component_down("etcd", node=_second(c)), id="etcd of one"),
        pytest.param(lambda c: c.component_restarted("etcd"), id="etcd of all begins anew"),
        pytest.param(lambda c: c.component_down("kube-scheduler"), id="every scheduler"),
        pytest.param(lambda c: c.component_down("kube-controller-manager", node=_second(c)), id="controller manager of one"),
        pytest.param(lambda c: c.isolated(_second(c)), id="one is isolated"),
        pytest.param(lambda c: c.nodes[1].killed(), id="one is dead"),
        pytest.param(lambda c: c.nodes[2].paused(), id="one is frozen"),
        pytest.param(lambda c: c.expired("apiserver-kubelet-client"), id="expired"),
    ],
)
def test_writes_go_on(kind_cluster: KindCluster, cause: Cause, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    begin = time.monotonic()
    with cause(kind_cluster):
        there = time.monotonic()
        taken = records.seconds_until_written(kind_cluster.client, SECONDS)
        end = time.monotonic()
    well = time.monotonic()
    records.seconds_until_written(kind_cluster.client, 5)
    for node in kind_cluster.nodes:
        node.exec("sh", "-c", "[ $(ls /etc/kubernetes/manifests | wc -l) = 4 ] && [ ! -e /etc/kubernetes/pytest-kind-down ]")
    with capsys.disabled():
        print(
            f"{request.node.callspec.id}: there after {there - begin:.1f} s, a write after {taken:.1f} s, well after {well - end:.1f} s", flush=True
        )


def test_without_any_api_server_nothing_is_written(kind_cluster: KindCluster) -> None:
    with kind_cluster.api_server_down(), pytest.raises((ApiException, HTTPError)):
        CoreV1Api(kind_cluster.client).list_node(_request_timeout=2)
    assert len(CoreV1Api(kind_cluster.client).list_node().items) == 3


def test_cut_off_from_the_load_balancer_a_node_is_lost_and_the_others_go_on(kind_cluster: KindCluster) -> None:
    with kind_cluster.partition(kind_cluster.nodes[2], f"{kind_cluster.name}-external-load-balancer"):
        records.seconds_until_written(kind_cluster.client, SECONDS)

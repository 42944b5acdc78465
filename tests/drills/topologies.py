"""Every shape of cluster that issue 4 names: made, every pod reaches every pod, removed.

pytest tests/drills/topologies.py --kind-timeout=300
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind import KindCluster
from support import mesh

TWO = [{"role": "control-plane"}, {"role": "worker"}]


CNI = Path(__file__).parent / "cni.yaml"  # routes and a bridge plugin, from a pod


def cluster_of(networking: dict[str, object], nodes: list[dict[str, str]], **more: object) -> pytest.MarkDecorator:
    """The marker for a shape."""
    return pytest.mark.kind({"networking": networking, "nodes": nodes, **more})


@pytest.mark.kind({"nodes": [{"role": "control-plane"}, {"role": "worker"}, {"role": "worker"}]})
def test_one_control_plane_and_two_workers(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace)


@pytest.mark.kind({"nodes": [{"role": "control-plane"}] * 3 + [{"role": "worker"}] * 2})
def test_three_control_planes_and_two_workers(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace)


@cluster_of({"ipFamily": "ipv6"}, TWO)
def test_ipv6(kind_cluster: KindCluster, kind_namespace: str) -> None:
    members = mesh.check(kind_cluster, kind_namespace)
    assert all(len(one.addresses) == 1 and ":" in one.addresses[0] for one in members)


@cluster_of({"ipFamily": "dual"}, TWO)
def test_dual_stack(kind_cluster: KindCluster, kind_namespace: str) -> None:
    members = mesh.check(kind_cluster, kind_namespace)
    assert all(len(one.addresses) == 2 for one in members)


@cluster_of({"ipFamily": "ipv6"}, [{"role": "control-plane"}] * 3)
def test_three_control_planes_ipv6(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace)


@cluster_of({"kubeProxyMode": "nftables"}, TWO)
def test_nftables(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace)


@cluster_of({"kubeProxyMode": "nftables", "ipFamily": "dual"}, TWO)
def test_nftables_dual_stack(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace)


@cluster_of({"kubeProxyMode": "none"}, TWO)
def test_without_kube_proxy(kind_cluster: KindCluster) -> None:
    assert "kube-proxy" not in kind_cluster.kubectl("get", "pods", "-A")


@cluster_of({"disableDefaultCNI": True}, TWO, manifests=[str(CNI)])
def test_a_network_of_ones_own(kind_cluster: KindCluster, kind_namespace: str) -> None:
    mesh.check(kind_cluster, kind_namespace, masked=True)


@cluster_of({"disableDefaultCNI": True}, TWO)
def test_without_a_network(kind_cluster: KindCluster) -> None:
    assert kind_cluster.kubectl("get", "nodes").count("NotReady") == 2

"""Copies of a frozen cluster: a first one is made from the ground, two copies of it run side by side."""

from __future__ import annotations

import ssl
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
import yaml
from kubernetes.client import CoreV1Api

from pytest_kind import labels
from pytest_kind.provision import docker_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_kind import KindCluster
from pytest_kind.waiting import Deadline, NotYet, wait_for

pytestmark = pytest.mark.alone

CONFIG = {"nodes": [{"role": "control-plane"}, {"role": "worker"}], "networking": {"podSubnet": "10.77.0.0/16"}}
BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
UNAUTHORIZED = 401


@pytest.fixture(scope="module")
def pods() -> dict[str, str]:
    """The names and addresses of the frozen cluster's pods."""
    return {}


@pytest.fixture(scope="module")
def copies(kind_cluster_factory: Callable[..., KindCluster], pods: dict[str, str]) -> Iterator[tuple[KindCluster, KindCluster]]:
    """Two copies, of one that is gone."""
    first = kind_cluster_factory(config=CONFIG)
    if "join" in dict(first.phases):  # from the ground: no earlier run has frozen it
        assert first._site.freezing is not None
    pods |= {pod: address for pod, address in addresses(first).items() if address != "None"}  # others had none to keep when it was frozen
    first.delete()
    made = kind_cluster_factory(config=CONFIG), kind_cluster_factory(config=CONFIG)
    yield made
    for one in made:
        one.delete()


def addresses(cluster: KindCluster) -> dict[str, str]:
    found = CoreV1Api(cluster.client).list_pod_for_all_namespaces().items
    return {str(pod.metadata.name): str(pod.status.pod_ip) for pod in found if not pod.spec.host_network}


def test_they_are_copies_with_names_and_ports_of_their_own(copies: tuple[KindCluster, KindCluster]) -> None:
    for one in copies:
        assert [name for name, _ in one.phases if name in {"keys", "join"}] == ["keys"]
        names = {node.metadata.name for node in CoreV1Api(one.client).list_node().items}
        assert names == {node.name for node in one.nodes} == {f"{one.name}-control-plane", f"{one.name}-worker"}
    assert copies[0].client.configuration.host != copies[1].client.configuration.host


def test_one_of_ipv6_has_copies_too(kind_cluster_factory: Callable[..., KindCluster]) -> None:
    config = {"networking": {"ipFamily": "ipv6"}}
    for _ in range(2):
        one = kind_cluster_factory(config=config)
        phases = dict(one.phases)
        one.delete()
    assert "keys" in phases


def test_pods_came_back_at_their_addresses(copies: tuple[KindCluster, KindCluster], pods: dict[str, str]) -> None:
    for one in copies:

        def back(one: KindCluster = one) -> NotYet | bool:
            found = addresses(one)
            return found.items() >= pods.items() or NotYet(f"{found} has not all of {pods}")

        wait_for("the frozen pods, at their addresses", back, Deadline(60), every=0.2)


@pytest.mark.parametrize("node", ["control-plane", "worker"])
def test_new_pods_find_others_by_name(copies: tuple[KindCluster, KindCluster], node: str) -> None:
    for one in copies:
        name = f"asker-{node}"
        overrides = f'{{"spec": {{"nodeName": "{one.name}-{node}"}}}}'
        one.kubectl(
            "run",
            name,
            f"--image={BUSYBOX}",
            "--restart=Never",
            f"--overrides={overrides}",
            "--",
            "nslookup",
            "kube-dns.kube-system.svc.cluster.local",
        )
        one.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        assert addresses(one)[name] not in {address for pod, address in addresses(one).items() if pod != name}


def test_a_node_can_join_a_copy(copies: tuple[KindCluster, KindCluster]) -> None:
    node = copies[0].add_node("worker")
    assert node.name in copies[0].kubectl("get", "nodes")


def user(cluster: KindCluster) -> dict[str, Any]:
    return dict(yaml.safe_load(cluster.kubeconfig_path.read_text(encoding="utf-8")))


def authority(cluster: KindCluster) -> str:
    return b64decode(user(cluster)["clusters"][0]["cluster"]["certificate-authority-data"]).decode()


def answer(of: KindCluster, *, certificate_of: KindCluster | None = None, token: str | None = None, folder: Path) -> int:
    """The status with which a cluster answers somebody."""
    context = ssl.create_default_context(cadata=authority(of))
    if certificate_of is not None:
        known = user(certificate_of)["users"][0]["user"]
        for name in ("certificate", "key"):
            (folder / name).write_bytes(b64decode(known[f"client-{name}-data"]))
        context.load_cert_chain(folder / "certificate", folder / "key")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib3.PoolManager(ssl_context=context) as pool:
        return int(pool.request("GET", f"{of.client.configuration.host}/api/v1/namespaces/default", headers=headers).status)


def test_the_administrator_of_one_is_nobody_to_the_other(copies: tuple[KindCluster, KindCluster], tmp_path: Path) -> None:
    one, other = copies
    assert answer(one, certificate_of=one, folder=tmp_path) == 200
    assert answer(other, certificate_of=one, folder=tmp_path) == UNAUTHORIZED


def test_a_service_account_of_one_is_nobody_to_the_other(copies: tuple[KindCluster, KindCluster], tmp_path: Path) -> None:
    one, other = copies
    one.kubectl("create", "clusterrolebinding", "reads", "--clusterrole=view", "--serviceaccount=default:default")
    token = one.kubectl("create", "token", "default").strip()
    assert answer(one, token=token, folder=tmp_path) == 200
    assert answer(other, token=token, folder=tmp_path) == UNAUTHORIZED


def test_neither_is_known_by_the_others_authority(copies: tuple[KindCluster, KindCluster]) -> None:
    one, other = copies
    known = [authority(cluster) for cluster in copies]
    assert known[0] != known[1]
    with (
        urllib3.PoolManager(ssl_context=ssl.create_default_context(cadata=known[0])) as pool,
        pytest.raises(urllib3.exceptions.SSLError),
    ):
        pool.request("GET", f"{other.client.configuration.host}/readyz", retries=False)
    stored = [cluster.kubectl("get", "configmap", "-n", "default", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}") for cluster in (one, other)]
    assert [text.strip() for text in stored] == [text.strip() for text in known]
    for cluster, foreign in ((one, known[1]), (other, known[0])):
        trusted = cluster.kubectl("get", "configmap", "-n", "kube-system", "extension-apiserver-authentication", "-o", "yaml")
        assert foreign.splitlines()[1] not in trusted


def test_what_is_frozen_has_no_key_in_it() -> None:
    provider = docker_engine.connect()
    try:
        there = provider.images({labels.KIND: labels.KIND_FROZEN})
        assert there
        assert all("PRIVATE KEY" not in str(image.labels) for image in there)
    finally:
        provider.close()

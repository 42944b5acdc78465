"""Claims, volumes and the data in them, before, during and after the pods that use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pytest_kind import WaitTimeout

if TYPE_CHECKING:
    from pytest_kind import KindCluster

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
}


def pod(name: str, image: str, script: str) -> dict[str, Any]:
    """A pod that has the claim at /data."""
    container = {"name": "main", "image": image, "command": ["sh", "-c", script], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_a_claim_is_bound_by_its_first_pod_and_its_volume_goes_with_it(
    kind_apply: Callable[..., Any], kind_cluster: KindCluster, busybox: str
) -> None:
    claim = kind_apply(CLAIM)
    standard = kind_cluster.wait_for("storageclass/standard", "{.volumeBindingMode}=WaitForFirstConsumer")
    assert standard.metadata.annotations["storageclass.kubernetes.io/is-default-class"] == "true"
    assert kind_cluster.get(claim).spec.get("volumeName") is None

    writer = kind_cluster.wait_for(kind_apply(pod("writer", busybox, "echo kept > /data/file")), "{.status.phase}=Succeeded")
    claim = kind_cluster.get(claim)
    assert claim.status.phase == "Bound"
    kind_cluster.delete_objects(writer)
    reader = kind_cluster.wait_for(kind_apply(pod("reader", busybox, "cat /data/file")), "{.status.phase}=Succeeded")
    assert kind_cluster.logs(reader) == "kept\n"

    volume = kind_cluster.get(f"persistentvolume/{claim.spec.volumeName}")
    kind_cluster.delete_objects([claim, reader])
    kind_cluster.wait_for(volume, "delete")


def test_a_store_comes_back_with_its_data(kind_apply: Callable[..., Any], kind_cluster: KindCluster, busybox: str) -> None:
    store = yaml.safe_load((Path(__file__).parent / "store.yaml").read_text(encoding="utf-8").replace("IMAGE", busybox))
    store = kind_cluster.wait_for(kind_apply(store), "rollout")

    kind_cluster.delete_objects(kind_cluster.get("pod/store-0", namespace=store.namespace))
    kind_cluster.wait_for("pod/store-0", "Ready", namespace=store.namespace)

    starts = kind_cluster.exec("store-0", "cat", "/data/starts", namespace=store.namespace)
    assert len(starts.stdout.splitlines()) == 2  # noqa: PLR2004


def test_a_pod_without_its_claim_says_what_it_waits_for(kind_apply: Callable[..., Any], kind_cluster: KindCluster, busybox: str) -> None:
    waiting = kind_apply(pod("waiting", busybox, "true"))
    with pytest.raises(WaitTimeout, match='persistentvolumeclaim "data" not found'):
        kind_cluster.wait_for(waiting, "{.status.phase}=Succeeded", timeout=2)
    kind_apply(CLAIM)
    kind_cluster.wait_for(waiting, "{.status.phase}=Succeeded")

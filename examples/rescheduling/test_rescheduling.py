"""A node loses its power: what ran on it runs elsewhere, and clients are served all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api

if TYPE_CHECKING:
    from pytest_kind import KindCluster

pytestmark = pytest.mark.kind(Path(__file__).parent / "cluster.yaml")

# Two pods, on two nodes.
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
      - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {{matchLabels: {{app: web}}}}}}
      containers:
      - name: web
        image: {image}
        command: [sh, -c, "echo hello from kind > /tmp/index.html && exec httpd -f -p 8080 -h /tmp"]
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


def ready_on(cluster: KindCluster, namespace: str) -> list[str]:
    """The nodes of the pods that are ready and are to stay."""
    pods: list[dict[str, Any]] = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-l", "app=web", "-o", "json"))["items"]
    return sorted(
        pod["spec"]["nodeName"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
    )


def test_pods_of_a_dead_node_run_elsewhere(kind_cluster: KindCluster, kind_client: ApiClient, kind_namespace: str, busybox: str) -> None:
    _, worker, other = kind_cluster.nodes
    kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "-", input=WEB.format(image=busybox))
    kind_cluster.kubectl("rollout", "status", "-n", kind_namespace, "deployment/web", "--timeout=60s")
    assert ready_on(kind_cluster, kind_namespace) == [worker.name, other.name]

    with worker.killed():
        # The pod of the dead node is still there, marked for deletion: only its kubelet can say that it has ended.
        kind_cluster.kubectl("wait", f"node/{worker.name}", "--for=condition=Ready=Unknown", "--timeout=30s")
        kind_cluster.kubectl("rollout", "status", "-n", kind_namespace, "deployment/web", "--timeout=60s")
        assert ready_on(kind_cluster, kind_namespace) == [other.name, other.name]
        assert CoreV1Api(kind_client).connect_get_namespaced_service_proxy("web:80", kind_namespace) == "hello from kind\n"

    # The node is back when the block has ended, and takes pods again.
    kind_cluster.kubectl("wait", f"node/{worker.name}", "--for=condition=Ready", "--timeout=1s")
    kind_cluster.kubectl("rollout", "restart", "-n", kind_namespace, "deployment/web")
    kind_cluster.kubectl("rollout", "status", "-n", kind_namespace, "deployment/web", "--timeout=60s")
    assert worker.name in ready_on(kind_cluster, kind_namespace)

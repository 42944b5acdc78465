"""A Deployment behind a Service: reached by its DNS name from another pod, and read from the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes.client import ApiClient, CoreV1Api

if TYPE_CHECKING:
    from pytest_kind import KindCluster

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


def test_another_pod_reaches_it_by_name(kind_cluster: KindCluster, kind_namespace: str, busybox: str) -> None:
    kind_cluster.kubectl("apply", "--namespace", kind_namespace, "-f", "-", input=WEB.format(image=busybox))
    kind_cluster.kubectl("rollout", "status", "--namespace", kind_namespace, "deployment/web", "--timeout=60s")

    # A Service answers a moment after its pods are ready: when every node's kube-proxy has heard of them.
    fetch = f"until wget -q -O- http://web.{kind_namespace}.svc.cluster.local; do sleep 0.2; done"
    run = ["run", "caller", "--namespace", kind_namespace, f"--image={busybox}", "--restart=Never", "--", "sh", "-c", fetch]
    kind_cluster.kubectl(*run)
    kind_cluster.kubectl("wait", "--namespace", kind_namespace, "pod/caller", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")

    assert kind_cluster.kubectl("logs", "--namespace", kind_namespace, "caller") == "hello from kind\n"


def test_the_test_reads_it(kind_cluster: KindCluster, kind_client: ApiClient, kind_namespace: str, busybox: str) -> None:
    kind_cluster.kubectl("apply", "--namespace", kind_namespace, "-f", "-", input=WEB.format(image=busybox))
    kind_cluster.kubectl("rollout", "status", "--namespace", kind_namespace, "deployment/web", "--timeout=60s")

    assert CoreV1Api(kind_client).connect_get_namespaced_service_proxy("web:80", kind_namespace) == "hello from kind\n"

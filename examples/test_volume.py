"""A PersistentVolumeClaim of the default StorageClass: written by one pod, read by the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes.client import ApiClient, CoreV1Api

if TYPE_CHECKING:
    from pytest_kind import KindCluster

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 10Mi}}
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: {image}
    command: [sh, -c, "{script}"]
    volumeMounts: [{{name: data, mountPath: /data}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
"""


def test_two_pods_in_turn(kind_cluster: KindCluster, kind_client: ApiClient, kind_namespace: str, busybox: str) -> None:
    def run_pod(name: str, script: str) -> str:
        pod = POD.format(name=name, image=busybox, script=script)
        kind_cluster.kubectl("apply", "--namespace", kind_namespace, "-f", "-", input=pod)
        done = "--for=jsonpath={.status.phase}=Succeeded"
        kind_cluster.kubectl("wait", "--namespace", kind_namespace, f"pod/{name}", done, "--timeout=60s")
        return kind_cluster.kubectl("logs", "--namespace", kind_namespace, name)

    kind_cluster.kubectl("apply", "--namespace", kind_namespace, "-f", "-", input=CLAIM)

    run_pod("writer", "echo kept > /data/file")
    claim = CoreV1Api(kind_client).read_namespaced_persistent_volume_claim("data", kind_namespace)
    assert claim.status.phase == "Bound"
    assert run_pod("reader", "cat /data/file") == "kept\n"

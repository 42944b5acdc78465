"""The API server's audit log, where it is asked for (``--kind-audit``): who asked for what, and how it ended. Pure.

https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig

_POLICY_FILE = "kind/pytest-kind/audit-policy.yaml"
_LOG_FOLDER = "/var/log/kubernetes"
LOG = f"{_LOG_FOLDER}/audit.log"

# Metadata: neither bodies nor what is in them. What the cluster's own parts and its boot ask, and what clients ask to know what
# there is to be asked for, is not written at all.
_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  nonResourceURLs: ["/api*", "/healthz*", "/livez*", "/metrics*", "/openapi*", "/readyz*", "/version*"]
- level: None
  userGroups: ["system:nodes", "system:serviceaccounts:kube-system", "system:serviceaccounts:local-path-storage"]
- level: None
  users: ["system:apiserver", "system:kube-controller-manager", "system:kube-proxy", "system:kube-scheduler", "kubernetes-super-admin"]
- level: Metadata
"""

# A patch as a user would write it: what a cluster is like follows from its configuration, so do copies and kept ones.
_PATCH = f"""\
kind: ClusterConfiguration
apiServer:
  extraArgs:
  - {{name: audit-policy-file, value: /{_POLICY_FILE}}}
  - {{name: audit-log-path, value: {LOG}}}
  - {{name: audit-log-maxsize, value: "20"}}
  - {{name: audit-log-maxbackup, value: "1"}}
  extraVolumes:
  - {{name: audit-policy, hostPath: /{_POLICY_FILE}, mountPath: /{_POLICY_FILE}, readOnly: true, pathType: File}}
  - {{name: audit-log, hostPath: {_LOG_FOLDER}, mountPath: {_LOG_FOLDER}, pathType: DirectoryOrCreate}}
"""


def audited(config: ClusterConfig) -> ClusterConfig:
    """The same with an audit log. The user's own patches come after it."""
    return replace(config, kubeadm_config_patches=(_PATCH, *config.kubeadm_config_patches))


def audit_files(config: ClusterConfig) -> dict[str, tuple[bytes, int]]:
    """What a control plane needs for that."""
    return {_POLICY_FILE: (_POLICY.encode(), 0o644)} if _PATCH in config.kubeadm_config_patches else {}

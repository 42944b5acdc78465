"""kubeadm's configuration for a node: pure, from a cluster configuration to YAML."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind.errors import ConfigError

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig, Node

Document = dict[str, Any]

API_PORT = 6443
# Lists of {name, value} in v1beta4, which a patch adds to by name; mappings in v1beta3 and older patches.
_ARGUMENT_LISTS = {"extraArgs", "kubeletExtraArgs"}
# Their clients are limited to 20 requests a second by default, which costs a start five seconds.
_UNTHROTTLED = {"kube-api-qps": "1000", "kube-api-burst": "2000"}
# Collecting garbage twice as often keeps a node 45 MB smaller and costs no CPU that could be measured.
_SMALL_HEAP = {"GOGC": "50"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What kubeadm must know of a node beside the configuration.

    Attributes:
        cluster: its name.
        name: the node's.
        address: the node's constant address.
        kubernetes: the version in the node's image.
        api_names: further names and addresses that the API server's certificate is for.
        token: the bootstrap token, random.
        durable: whether etcd waits for the disk (a kept cluster's does).
    """

    cluster: str
    name: str
    address: str
    kubernetes: str
    api_names: Sequence[str]
    token: str
    durable: bool


def init_documents(config: ClusterConfig, node: Node, facts: NodeFacts) -> str:
    """``/kind/kubeadm.conf`` of the first control plane, patched.

    Raises:
        ConfigError: a patch is for a kind of document that is not there, or its arguments have no names.
    """
    documents = [_cluster(config, facts), _init(node, facts), _kubelet(config), _proxy(config)]
    for path, patches in (("kubeadmConfigPatches", config.kubeadm_config_patches), ("nodes[0].kubeadmConfigPatches", node.kubeadm_config_patches)):
        documents = _patched(documents, path, patches)
    return yaml.safe_dump_all(documents, sort_keys=False)


def _arguments(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _cluster(config: ClusterConfig, facts: NodeFacts) -> Document:
    gates = (
        {"feature-gates": ",".join(f"{name}={str(on).lower()}" for name, on in sorted(config.feature_gates.items()))} if config.feature_gates else {}
    )
    runtime = (
        {"runtime-config": ",".join(f"{name}={value}" for name, value in sorted(config.runtime_config.items()))} if config.runtime_config else {}
    )
    # One candidate needs no election, and a lease of the past would hold a restarted cluster up for 15 s.
    controllers = {"leader-elect": "false", **_UNTHROTTLED, **gates}
    # An election of one member ends after the timeout: kubeadm's default of a second is for networks.
    etcd = {"heartbeat-interval": "20", "election-timeout": "100", **({} if facts.durable else {"unsafe-no-fsync": "true"})}
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": facts.cluster,
        "kubernetesVersion": facts.kubernetes,
        "controlPlaneEndpoint": f"{facts.name}:{API_PORT}",
        "encryptionAlgorithm": "ECDSA-P256",  # 0.1 s for all keys, RSA takes 0.6 s
        "apiServer": {
            "certSANs": ["localhost", *facts.api_names],
            "extraArgs": _arguments({**runtime, **gates}),
            "extraEnvs": _arguments(_SMALL_HEAP),
        },
        "controllerManager": {"extraArgs": _arguments({"enable-hostpath-provisioner": "true", **controllers}), "extraEnvs": _arguments(_SMALL_HEAP)},
        "scheduler": {"extraArgs": _arguments(controllers)},
        "etcd": {"local": {"dataDir": "/var/lib/etcd", "extraArgs": _arguments(etcd)}},
        "networking": {"podSubnet": ",".join(config.networking.pod_subnets), "serviceSubnet": ",".join(config.networking.service_subnets)},
    }


def _init(node: Node, facts: NodeFacts) -> Document:
    labels = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "bootstrapTokens": [{"token": facts.token}],
        "localAPIEndpoint": {"advertiseAddress": facts.address, "bindPort": API_PORT},
        "nodeRegistration": {
            "name": facts.name,
            "criSocket": "unix:///run/containerd/containerd.sock",
            "taints": [],  # one node: everything runs on it, as in kind
            "kubeletExtraArgs": _arguments(
                {
                    "node-ip": facts.address,
                    "provider-id": f"kind://docker/{facts.cluster}/{facts.name}",  # kind's form
                    **({"node-labels": labels} if labels else {}),
                }
            ),
        },
        "skipPhases": ["preflight"],
    }


def _kubelet(config: ClusterConfig) -> Document:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupRoot": "/kubelet",
        "failCgroupV1": False,  # from 1.35 on a kubelet refuses such hosts unless told
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,  # the disk is the host's: its fill level is not this node's business
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        **({"featureGates": dict(config.feature_gates)} if config.feature_gates else {}),
    }


def _proxy(config: ClusterConfig) -> Document:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": config.networking.kube_proxy_mode,
        "iptables": {"minSyncPeriod": "1s"},
        "conntrack": {"maxPerCore": 0},  # a sysctl of the host's
        # nftables would serve NodePorts on the constant address alone, which nothing outside of the node reaches.
        "nodePortAddresses": ["0.0.0.0/0"],
        **({"featureGates": dict(config.feature_gates)} if config.feature_gates else {}),
    }


def _patched(documents: list[Document], path: str, patches: Sequence[str]) -> list[Document]:
    result = copy.deepcopy(documents)
    wrong = []
    for index, text in enumerate(patches):
        patch = yaml.safe_load(text)
        matching = [number for number, document in enumerate(result) if document["kind"] == patch["kind"]]
        if not matching and patch["kind"] != "JoinConfiguration":  # kind's files have one for nodes that join
            kinds = ", ".join(document["kind"] for document in result)
            wrong.append(f"{path}[{index}]: matches nothing: kind {patch['kind']!r} is none of {kinds}")
        changes = {key: value for key, value in patch.items() if key not in {"apiVersion", "kind"}}
        for number in matching:
            try:
                result[number] = _merged(result[number], changes)
            except (TypeError, KeyError):
                wrong.append(f"{path}[{index}]: arguments must be a mapping, or a list of `name` and `value`")
    if wrong:
        raise ConfigError("kubeadm patches", wrong)
    return result


def _merged(target: Any, patch: Any, key: str = "") -> Any:  # noqa: ANN401 - JSON values
    """RFC 7386, but lists of arguments are added to by name, whichever form the patch has."""
    if key in _ARGUMENT_LISTS:
        values = {one["name"]: one["value"] for one in target or []}
        values.update(patch if isinstance(patch, dict) else {one["name"]: one["value"] for one in patch})
        return _arguments({name: str(value) for name, value in values.items() if value is not None})
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value, name)
    return result

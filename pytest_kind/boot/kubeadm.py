"""kubeadm's configuration for a node: pure, from a cluster configuration to YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind.boot.patches import patched_for_node
from pytest_kind.errors import ConfigError

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.provision.places import Machine, Place

Document = dict[str, Any]

API_PORT = 6443
DISCOVERY = "/kind/pytest-kind/discovery.conf"
_ENCRYPTION = "encryption-provider-config"
_EVERYWHERE = {"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"], "dual": ["0.0.0.0/0", "::/0"]}
# Their clients are limited to 20 requests a second by default, which costs a start five seconds.
_UNTHROTTLED = {"kube-api-qps": "1000", "kube-api-burst": "2000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What kubeadm must know of a cluster beside its configuration.

    Attributes:
        cluster: its name.
        machines: all of them, the first control plane first.
        kubernetes: the version in the first one's image.
        api_names: further names and addresses that the API server's certificate is for.
        token: the bootstrap token, random.
        durable: whether etcd waits for the disk (a kept cluster's does).
        static_pods: whether the control plane runs as static pods where it need not.
    """

    cluster: str
    machines: tuple[Machine, ...]
    kubernetes: str
    api_names: Sequence[str]
    token: str
    durable: bool
    static_pods: bool = False

    @property
    def first(self) -> Place:
        """The control plane that the cluster begins with."""
        return self.machines[0].place

    @property
    def nodes(self) -> tuple[Machine, ...]:
        """The machines but a load balancer."""
        return tuple(machine for machine in self.machines if machine.node is not None)

    @property
    def endpoint(self) -> Place:
        """Where the machines find the API: the load balancer, or the only control plane."""
        return next((machine.place for machine in self.machines if machine.node is None), self.first)

    @property
    def replicated(self) -> bool:
        """Whether there is more than one control plane."""
        return self.endpoint is not self.first


def has_units(facts: ClusterFacts) -> bool:
    """Whether the control plane runs as units of its node.

    Several cannot: the kubeadm of one that joins finds etcd's members by their static pods' annotations.
    """
    return not (facts.replicated or facts.static_pods)


def init_documents(config: ClusterConfig, facts: ClusterFacts) -> str:
    """``/kind/kubeadm.conf`` of the first control plane, patched.

    Raises:
        ConfigError: a patch is for a kind of document that is not there, or its arguments have no names.
    """
    return _text(_init_documents(config, facts))


def _init_documents(config: ClusterConfig, facts: ClusterFacts) -> list[Document]:
    machine = facts.machines[0]
    return _patched([_cluster(config, facts), _init(facts, machine), _kubelet(config), _proxy(config)], config, machine)


def initial_documents(config: ClusterConfig, facts: ClusterFacts, machine: Machine) -> str:
    """``/kind/kubeadm.conf`` of another control plane that the cluster begins with: it begins as the first one does, of the same documents.

    What kind has it join with, and what patches make of that, is its own.
    """
    (join,) = _patched([_join(facts, machine)], config, machine)
    own = {**join, **(join.get("controlPlane") or {})}
    init = _init(facts, machine) | {name: own[name] for name in ("nodeRegistration", "localAPIEndpoint", "patches", "timeouts") if name in own}
    return _text([init if one["kind"] == "InitConfiguration" else one for one in _init_documents(config, facts)])


def join_documents(config: ClusterConfig, facts: ClusterFacts, machine: Machine) -> str:
    """``/kind/kubeadm.conf`` of a node that joins, patched."""
    return _text(_patched([_join(facts, machine)], config, machine))


def check_patches(config: ClusterConfig, facts: ClusterFacts) -> None:
    """Refuses patches that fit nothing, before anything is made.

    Raises:
        ConfigError: any such patch; all of them in one message.
    """
    wrong: list[str] = []
    for machine in facts.nodes:
        try:
            _documents(config, facts, machine)
        except ConfigError as error:
            wrong.extend(problem for problem in error.problems if problem not in wrong)
    if wrong:
        raise ConfigError("kubeadm patches", wrong)


def uncopied(config: ClusterConfig, facts: ClusterFacts) -> str | None:
    """What kubeadm is told that a copy of the cluster would not have, or have wrongly; nothing where there is none such."""
    for document in (one for machine in facts.nodes for one in _documents(config, facts, machine)):
        # A copy's control plane is the frozen one's: the folder is never read for it.
        if folder := _below(document, "patches", "directory"):
            return f"kubeadm's patches are in a folder of its nodes, {folder}, where they may be others by then"
        # No word in what is encrypted can be replaced by a copy's, and it is bound to its object's name.
        if any(_below(one, "name") == _ENCRYPTION for one in _below(document, "apiServer", "extraArgs") or ()):
            return f"its API server encrypts what etcd has (--{_ENCRYPTION})"
    return None


def _documents(config: ClusterConfig, facts: ClusterFacts, machine: Machine) -> list[Document]:
    """Those of a node, which kubeadm is given or, of a further control plane, what is taken from them."""
    return _init_documents(config, facts) if machine.place is facts.first else _patched([_join(facts, machine)], config, machine)


def _below(document: Any, *path: str) -> Any:  # noqa: ANN401 - JSON values, which patches may have made anything of
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _patched(documents: list[Document], config: ClusterConfig, machine: Machine) -> list[Document]:
    if machine.index is None:  # one that joined later: the configuration's patches are for it too, and its own
        assert machine.node is not None  # noqa: S101 - a load balancer has no kubeadm
        config, index = replace(config, nodes=(machine.node,)), 0
    else:
        index = machine.index
    return patched_for_node(config, index, documents, called="" if machine.index is not None else "node")


def _text(documents: list[Document]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)


def _arguments(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _pairs(values: Mapping[str, object]) -> str:
    return ",".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in sorted(values.items()))


def _cluster(config: ClusterConfig, facts: ClusterFacts) -> Document:
    gates = {"feature-gates": _pairs(config.feature_gates)} if config.feature_gates else {}
    runtime = {"runtime-config": _pairs(config.runtime_config)} if config.runtime_config else {}
    # One candidate needs no election, and a lease of the past would hold a restarted cluster up for 15 s.
    controllers = {"leader-elect": str(facts.replicated).lower(), **_UNTHROTTLED, **gates}
    # An election of one member ends after the timeout: kubeadm's default of a second is for networks.
    lonely = {} if facts.replicated else {"heartbeat-interval": "20", "election-timeout": "100"}
    etcd = {**lonely, **({} if facts.durable else {"unsafe-no-fsync": "true"})}
    # Its port is held for it until it listens (boot/node/hold).
    shared = {"permit-port-sharing": "true"}
    networking = config.networking
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": facts.cluster,
        "kubernetesVersion": facts.kubernetes,
        "controlPlaneEndpoint": f"{facts.endpoint.name}:{API_PORT}",
        "encryptionAlgorithm": "ECDSA-P256",  # 0.1 s for all keys, RSA takes 0.6 s
        "apiServer": {
            "certSANs": ["localhost", *facts.endpoint.addresses, *facts.api_names],
            "extraArgs": _arguments({**runtime, **gates, **shared}),
        },
        "controllerManager": {"extraArgs": _arguments({"enable-hostpath-provisioner": "true", **controllers})},
        "scheduler": {"extraArgs": _arguments(controllers)},
        "etcd": {"local": {"dataDir": "/var/lib/etcd", "extraArgs": _arguments(etcd)}},
        "networking": {"podSubnet": ",".join(networking.pod_subnets), "serviceSubnet": ",".join(networking.service_subnets)},
    }


def _registration(facts: ClusterFacts, machine: Machine) -> Document:
    place, node = machine.place, machine.node
    labels = _pairs(node.labels) if node is not None else ""
    return {
        "name": place.name,
        "criSocket": "unix:///run/containerd/containerd.sock",
        # One node: everything runs on it, as in kind.
        **({"taints": []} if len(facts.nodes) == 1 else {}),
        "kubeletExtraArgs": _arguments(
            {
                "node-ip": ",".join(place.addresses),
                "provider-id": f"kind://docker/{facts.cluster}/{place.name}",  # kind's form
                **({"node-labels": labels} if labels else {}),
            }
        ),
    }


def _init(facts: ClusterFacts, machine: Machine) -> Document:
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "bootstrapTokens": [{"token": facts.token}],
        "localAPIEndpoint": {"advertiseAddress": machine.place.address, "bindPort": API_PORT},
        "nodeRegistration": _registration(facts, machine),
        "skipPhases": ["preflight"],
    }


def _join(facts: ClusterFacts, machine: Machine) -> Document:
    advertised = {"localAPIEndpoint": {"advertiseAddress": machine.place.address, "bindPort": API_PORT}}
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY}, "tlsBootstrapToken": facts.token},
        "nodeRegistration": _registration(facts, machine),
        **({"controlPlane": advertised} if machine.is_control_plane else {}),
        "skipPhases": ["preflight"],
    }


def _kubelet(config: ClusterConfig) -> Document:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupRoot": "/kubelet",
        "failCgroupV1": False,  # from 1.35 on a kubelet refuses such hosts unless told
        "failSwapOn": False,
        "oomScoreAdj": -999,  # its own default, which a node that may not have it takes away (boot/node/begin)
        # A kubelet that has an API server before it has looked at its own runtime says that it is not Ready, and by default says
        # for ten seconds nothing else (kubernetes/pkg/kubelet, Run). What has not changed it still tells as seldom as any.
        "nodeStatusUpdateFrequency": "1s",
        "nodeStatusReportFrequency": "5m",
        "imageGCHighThresholdPercent": 100,  # the disk is the host's: its fill level is not this node's business
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        **({"address": "::", "healthzBindAddress": "::"} if config.networking.ip_family == "ipv6" else {}),
        **({"featureGates": dict(config.feature_gates)} if config.feature_gates else {}),
    }


def _proxy(config: ClusterConfig) -> Document:
    mode = config.networking.kube_proxy_mode
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables" if mode == "none" else mode,
        # What a Service leads to is there a tenth of a second later instead of one: a test cluster's rules are few.
        "iptables": {"minSyncPeriod": "100ms"},
        **({"nftables": {"minSyncPeriod": "100ms"}} if mode == "nftables" else {}),
        # The sysctl is the host's. What a test cluster reroutes in the middle of a connection is no attack (kind's).
        "conntrack": {"maxPerCore": 0, **({"tcpBeLiberal": True} if mode == "nftables" else {})},
        # nftables would serve NodePorts on the constant address alone, which nothing outside of the node reaches.
        "nodePortAddresses": _EVERYWHERE[config.networking.ip_family],
        "oomScoreAdj": -999,  # its own default: see _kubelet
        **({"featureGates": dict(config.feature_gates)} if config.feature_gates else {}),
    }

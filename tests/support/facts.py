"""What can be said of a cluster, whoever made it: through its API, its nodes and the engine, as one flat mapping.

What must differ between two clusters is made the same here: names, addresses, ids and ports that the engine chose.
"""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pytest_kind import labels
from pytest_kind.provision.provider import Provider
from pytest_kind.waiting import Deadline, NotYet, wait_for

Facts = dict[str, str]

# Of a container's environment and labels, those that every container of the image has are not the tool's.
_HOST_CONFIG = (
    "AutoRemove",
    "CgroupnsMode",
    "IpcMode",
    "Init",
    "Memory",
    "NanoCpus",
    "Privileged",
    "RestartPolicy",
    "SecurityOpt",
    "Sysctls",
    "Tmpfs",
    "UsernsMode",
)
_COMPONENTS_PER_CONTROL_PLANE = 4
# Given by the kubelet or a controller while the cluster comes up; both clusters have them for a while.
_PASSING = ("node.kubernetes.io/not-ready", "node.kubernetes.io/network-unavailable")


class Reader:
    """Reads one cluster.

    Args:
        cluster: its name, as its containers' labels say it.
    """

    def __init__(self, provider: Provider, cluster: str, *, seconds: float = 180.0) -> None:
        self.cluster, self._provider = cluster, provider
        self._deadline = Deadline(seconds)
        found = provider.containers({labels.CLUSTER: cluster, labels.ROLE: None})
        self._containers = {one.name.removeprefix(f"{cluster}-"): one for one in found}

    def read(self, *, ready: bool) -> Facts:
        """All facts.

        Args:
            ready: whether the nodes will become Ready, which without a network they do not.
        """
        nodes = self._nodes(ready)
        pods = self._components(nodes)
        found: dict[str, Any] = {
            "node": {name: _of_node(node) for name, node in nodes.items()},
            "component": {pod["metadata"]["labels"]["component"]: _of_pod(pod) for pod in pods},
            "kubelet": {name: self._kubelet(name) for name in nodes},
            "kubeadm-config": self._documents("kubeadm-config", "ClusterConfiguration"),
            "kube-proxy": self._documents("kube-proxy", "config.conf"),
            "coredns": {line.strip(): "there" for line in self._data("coredns")["Corefile"].splitlines() if line.strip(" }")},
            "workloads": self._workloads(),
            "storage classes": {one["metadata"]["name"]: _storage(one) for one in self._get("/apis/storage.k8s.io/v1/storageclasses")["items"]},
            "container": {name: self._container(name) for name in nodes},
            "file": {name: self._files(name) for name in nodes},
        }
        secrets = self._replacements(nodes)
        return {_replaced(path, secrets): _replaced(value, secrets) for path, value in _flat(found)}

    def _exec(self, name: str, *argv: str) -> str:
        result = self._provider.exec(self._containers[name].id, argv, seconds=60)
        assert result.code == 0, f"{name}: {argv}: {result.output}"
        return result.stdout

    def _get(self, path: str) -> Any:
        return json.loads(self._exec("control-plane", "kubectl", "get", "--raw", path))

    def _nodes(self, ready: bool) -> dict[str, Any]:
        def probe() -> dict[str, Any] | NotYet:
            found = {one["metadata"]["name"].removeprefix(f"{self.cluster}-"): one for one in self._get("/api/v1/nodes")["items"]}
            if found.keys() != self._containers.keys():
                return NotYet(f"nodes {sorted(found)}, containers {sorted(self._containers)}")
            for name, node in found.items():
                said = {one["type"]: one["status"] for one in node["status"].get("conditions", ())}
                if ready and (said.get("Ready") != "True" or _taints(node, _PASSING)):
                    return NotYet(f"{name}: {said}, {node['spec'].get('taints')}")
                if "podCIDR" not in node["spec"]:
                    return NotYet(f"{name} has no podCIDR")
            return found

        return wait_for("the nodes", probe, self._deadline, every=0.5)

    def _components(self, nodes: Mapping[str, Any]) -> list[Any]:
        wanted = _COMPONENTS_PER_CONTROL_PLANE * sum(name.startswith("control-plane") for name in nodes)

        def probe() -> list[Any] | NotYet:
            found = self._get("/api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane")["items"]
            return found if len(found) == wanted else NotYet(f"{len(found)} of {wanted} pods of the control plane")

        return wait_for("the control plane's pods", probe, self._deadline, every=0.5)

    def _data(self, name: str) -> Any:
        return self._get(f"/api/v1/namespaces/kube-system/configmaps/{name}")["data"]

    def _documents(self, name: str, key: str) -> Any:
        return _named(yaml.safe_load(self._data(name)[key]))

    def _kubelet(self, name: str) -> Any:
        path = f"/api/v1/nodes/{self.cluster}-{name}/proxy/configz"

        def probe() -> Any:  # kubeadm's last phase restarts a kubelet: for a moment nothing listens
            result = self._provider.exec(self._containers["control-plane"].id, ["kubectl", "get", "--raw", path], seconds=60)
            return NotYet(result.output) if result.code else json.loads(result.stdout)["kubeletconfig"]

        config = wait_for(f"the kubelet of {name}", probe, self._deadline, every=0.5)
        words = self._exec(name, "sh", "-c", "tr '\\0' '\\n' </proc/$(pidof kubelet)/cmdline").split("\n")
        return {"config": config, "flag": _flags(words[1:])}

    def _workloads(self) -> Any:
        found = {}
        for kind in ("deployments", "daemonsets"):
            for one in self._get(f"/apis/apps/v1/{kind}")["items"]:
                spec = one["spec"]["template"]["spec"]
                found[f"{one['metadata']['namespace']}/{one['metadata']['name']}"] = {
                    "replicas": one["spec"].get("replicas", "one on each node"),
                    "images": [container["image"] for container in spec["containers"]],
                }
        return found

    def _container(self, name: str) -> Any:
        said: Any = self._provider.inspect(self._containers[name].id)
        host, config = said["HostConfig"], said["Config"]
        mounts = {
            one["Destination"]: " ".join(
                [one["Type"], "" if one["Type"] == "volume" else one["Source"], "rw" if one["RW"] else "ro", one.get("Propagation") or "none"]
            )
            for one in said["Mounts"]
        }
        return {
            "mount": mounts,
            "port": {port: [f"{one['HostIp'] or 'any'}:{one['HostPort']}" for one in taken or ()] for port, taken in host["PortBindings"].items()},
            "environment": {key: value for key, _, value in (one.partition("=") for one in config["Env"]) if key != "PATH"},
            "hostname": config["Hostname"],
            "tty": config["Tty"],
            **{key: host.get(key) for key in _HOST_CONFIG},
        }

    def _files(self, name: str) -> Any:
        lines = [line for line in self._exec(name, "cat", "/etc/resolv.conf").splitlines() if line and not line.startswith("#")]
        return {
            "resolv.conf": dict(line.split(maxsplit=1) for line in lines if " " in line),
            "containerd": tomllib.loads(self._exec(name, "cat", "/etc/containerd/config.toml")),
        }

    def _replacements(self, nodes: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is in place of names and addresses; the longest first, as one may be in another."""
        found = {self.cluster: "CLUSTER"}
        for name, node in nodes.items():
            addresses = {one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"}
            found |= dict.fromkeys(addresses, f"ADDRESS({name})")
        return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _of_node(node: Any) -> Any:
    meta, spec = node["metadata"], node["spec"]
    return {
        "label": meta["labels"],
        # A controller sets the other one, sooner or later.
        "annotation": {key: value for key, value in meta["annotations"].items() if key != "node.alpha.kubernetes.io/ttl"},
        "taint": _taints(node),
        "size of podCIDR": [ipaddress.ip_network(one).prefixlen for one in spec["podCIDRs"]],
        "podCIDR": spec["podCIDRs"],
        "providerID": spec.get("providerID"),
    }


def _taints(node: Any, only: tuple[str, ...] = ()) -> list[str]:
    found = [(one["key"], f"{one['key']}={one.get('value', '')}:{one['effect']}") for one in node["spec"].get("taints", ())]
    return sorted(text for key, text in found if (key in only if only else key not in _PASSING))


def _of_pod(pod: Any) -> Any:
    (container,) = pod["spec"]["containers"]
    return {
        "flag": _flags(container["command"][1:]),
        "environment": {one["name"]: one.get("value") for one in container.get("env", ())},
        "mount": {one["mountPath"]: "ro" if one.get("readOnly") else "rw" for one in container["volumeMounts"]},
        "image": container["image"],
    }


def _flags(words: list[str]) -> dict[str, str]:
    pairs = (word.removeprefix("--").partition("=") for word in words if word)
    return {name: value for name, _, value in pairs}


def _storage(one: Any) -> Any:
    default = one["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class", "false")
    return {"default": default, "provisioner": one["provisioner"], "binding": one["volumeBindingMode"], "reclaim": one["reclaimPolicy"]}


def _named(value: Any) -> Any:
    """Lists of names and values (kubeadm's arguments) as mappings, so that their order does not count."""
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and one.keys() == {"name", "value"} for one in value):
            return {one["name"]: one["value"] for one in value}
        return [_named(one) for one in value]
    return {key: _named(one) for key, one in value.items()} if isinstance(value, dict) else value


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf with its path; a list is a leaf, an empty thing is none."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _flat(one, f"{path} > {key}" if path else str(key))
    elif value not in (None, "", []):
        yield path, json.dumps(value, sort_keys=True) if not isinstance(value, str) else value


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for old, new in pairs:
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)
    return text

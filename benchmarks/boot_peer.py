"""The other side of the boot benchmark: the real kind, on the same node image, with its networking in place beforehand.

The configuration says ``disableDefaultCNI``, and each node has what the image's own agent would write in time, from the start: a CNI
configuration with a share of the pod subnet, and, where there are several nodes, the routes to the others' shares.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any

import boot_answer
import boot_engine
from boot_bench import PROCESS_SECONDS, Bench, Cluster, last_words, node_names, stop
from boot_engine import BenchmarkError, docker
from boot_results import PEER
from pytest_kind.waiting import Deadline, NotYet, wait_for

# kind sets neither, and a kubelet since 1.35 does not start on such a host.
_CGROUP_V1 = "kind: KubeletConfiguration\nfailCgroupV1: false\ncgroupDriver: cgroupfs\n"


class Peer:
    """``kind create cluster``: without ``--wait``, because the probe waits for more than that does.

    Args:
        program: the executable.
        cgroup: the engine's version.
    """

    name = PEER

    def __init__(self, bench: Bench, program: str, cgroup: int) -> None:
        self._bench, self._program, self._cgroup = bench, program, cgroup
        self._network = f"boot-benchmark-{secrets.token_hex(4)}"
        docker("network", "create", self._network)  # which kind would do once for all clusters
        bench.at_end(lambda: docker("network", "rm", self._network))
        self._environment = {**os.environ, "KIND_EXPERIMENTAL_DOCKER_NETWORK": self._network}

    def boot(self, nodes: int = 1) -> Cluster:
        """See :class:`~boot_bench.Side`."""
        name = self._bench.new_name()
        folder = self._bench.folder / name
        folder.mkdir()
        config, kubeconfig, names = folder / "kind.yaml", folder / "kubeconfig", node_names(name, nodes)
        config.write_text(json.dumps(self.configuration(folder, nodes)), encoding="utf-8")
        # --retain: a failed one is removed by us, and can be looked at until then.
        options = [f"--name={name}", f"--config={config}", f"--image={self._bench.node_image}", f"--kubeconfig={kubeconfig}", "--retain"]
        start = time.monotonic()
        process = self._bench.start([self._program, "create", "cluster", *options], folder=folder, environment=self._environment)
        routed = nodes == 1

        def ended() -> NotYet | None:
            nonlocal routed
            routed = routed or self._route(names)
            return NotYet("it runs") if process.poll() is None else None

        try:
            wait_for("kind to end", ended, Deadline(PROCESS_SECONDS), every=0.02)
        except BaseException:
            stop([process])
            raise
        handed = time.monotonic()
        if process.returncode:
            raise BenchmarkError(f"kind ended with {process.returncode}:\n{last_words(folder)}")
        answered = boot_answer.answered(kubeconfig, names[0], self._bench.web_image, names)

        def end() -> float:
            argv = [self._program, "delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}"]
            seconds = boot_engine.removed(name, lambda: subprocess.run(argv, env=self._environment, check=True, capture_output=True))
            self._bench.is_gone(name)
            return seconds

        return Cluster(
            name=name,
            started=start,
            handed=handed - start,
            answered=answered - start,
            fixture=None,
            phases={},
            nodes=names,
            kubeconfig=kubeconfig,
            end=end,
        )

    def load(self, cluster: Cluster, image: str) -> None:
        """``kind load docker-image``."""
        argv = [self._program, "load", "docker-image", image, f"--name={cluster.name}"]
        subprocess.run(argv, env=self._environment, check=True, capture_output=True)

    def version(self) -> str:
        """Such as ``0.33.0``."""
        said = subprocess.run([self._program, "version", "--quiet"], check=True, text=True, capture_output=True).stdout
        return said.strip().removeprefix("v")

    def configuration(self, folder: Path, nodes: int) -> dict[str, Any]:
        """Kind's, with the files that it mounts in that folder."""
        roles = []
        for number in range(nodes):
            file = folder / f"{number}.conflist"
            file.write_text(json.dumps(_network(_share(number))), encoding="utf-8")
            mount = {"hostPath": str(file), "containerPath": "/etc/cni/net.d/10-kind.conflist", "readOnly": True}
            roles.append({"role": "control-plane" if number == 0 else "worker", "extraMounts": [mount]})
        patches = {"kubeadmConfigPatches": [_CGROUP_V1]} if self._cgroup == 1 else {}
        head = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "networking": {"disableDefaultCNI": True}}
        return {**head, **patches, "nodes": roles}

    def _route(self, names: tuple[str, ...]) -> bool:
        """Tells every node where the others' pods are, if all of them run."""
        address = f'{{{{(index .NetworkSettings.Networks "{self._network}").IPAddress}}}}'
        try:
            addresses = docker("inspect", "--format", address, *names).split()
            if len(addresses) < len(names):
                return False
            for own, name in enumerate(names):
                lines = [f"ip route replace {_share(number)} via {one}" for number, one in enumerate(addresses) if number != own]
                docker("exec", name, "sh", "-ec", "\n".join(lines))
        except BenchmarkError:
            return False
        return True


def _share(number: int) -> str:
    return f"10.244.{number}.0/24"


def _network(share: str) -> dict[str, object]:
    """What the agent of the node image's default-cni.yaml writes."""
    ipam = {"type": "host-local", "dataDir": "/run/cni-ipam", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": share}]]}
    plugins = [{"type": "ptp", "ipMasq": True, "ipam": ipam}, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return {"cniVersion": "1.0.0", "name": "kind", "plugins": plugins}

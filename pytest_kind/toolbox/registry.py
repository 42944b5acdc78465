"""A registry beside the clusters of a session: pushed to from the engine, pulled from by nodes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.boot.registries import hosts_file, hosts_path
from pytest_kind.errors import CommandError, Conflict, KindError, NotFound, UsageError
from pytest_kind.image import go_modules, store
from pytest_kind.image.archive import files_archive, texts_archive
from pytest_kind.image.inputs import read_inputs
from pytest_kind.lease.renewal import Renewal
from pytest_kind.provision.provider import ContainerSpec, Port
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.cluster import KindCluster, Request
    from pytest_kind.image.workshop import Workshop
    from pytest_kind.provision.provider import Provider

NAME = "kind-registry:5000"
"""What images of a session's registry are called in every run (kind's documentation calls it so)."""
PROGRAM = go_modules.Module(name="distribution", programs=(go_modules.Program(name="registry", package="pytest-kind.local/distribution"),), usual=60)

_PORT = 5000
_SECONDS = 30.0
_CONFIG_MAP = "local-registry-hosting"
# JSON, which is YAML too. Deleting is for tests that are about it.
_CONFIG = {
    "version": "0.1",
    "log": {"level": "warn", "accesslog": {"disabled": True}},
    "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}, "delete": {"enabled": True}},
    "http": {"addr": f":{_PORT}"},
}


@dataclass(slots=True, kw_only=True)
class Registry:
    """A running registry. It takes everything from everybody and knows no passwords.

    Attributes:
        address: ``localhost:PORT`` of the engine's machine, for pushes: engines take a registry on loopback without TLS.
            Nodes know images by this name as well.
        name: ``kind-registry:5000``, the same in every run, as nodes know it.
        endpoint: ``http://ADDRESS:5000`` on the engine's network, for ``registryMirrors``.
        container: its container.
    """

    address: str
    endpoint: str
    container: str
    name: str = NAME
    _provider: Provider
    _networks: frozenset[str]
    _renewal: Renewal
    _attached: list[tuple[KindCluster, tuple[str, ...]]] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Registry {self.address}, on nodes {self.name}>"

    @property
    def lease_failure(self) -> str | None:
        """Why the last renewal of its lease failed; nothing when it did not."""
        return self._renewal.last_failure

    def reaches(self, cluster: KindCluster) -> bool:
        """Whether the nodes of a cluster are on a network of the registry's."""
        return all(self._networks & set(self._provider.addresses(node.container)) for node in cluster.nodes)

    def attach(self, cluster: KindCluster, *hosts: str) -> None:
        """Has the nodes of a cluster pull from this registry, and announces it in the cluster (KEP-1755).

        The clusters of a run are attached when they and the registry are there; this is for nodes that came later, and for
        further names.

        Args:
            hosts: registries of which images are asked for here first (``docker.io``), and then there.

        Raises:
            UsageError: the cluster is on another network, or its configuration has a mirror of that host already.
        """
        if not self.reaches(cluster):
            raise UsageError(f"registry {self.name}: cluster {cluster.name} is on another network of the engine; give both the same --kind-network")
        taken = sorted({*hosts} & {*cluster.config.registry_mirrors})
        if taken:
            raise UsageError(f"registry {self.name}: {', '.join(taken)} has mirrors in the configuration of cluster {cluster.name} (registryMirrors)")
        own = (self.name, self.address)
        entries = {**{host: hosts_file([], self.endpoint) for host in own}, **{host: hosts_file([self.endpoint]) for host in hosts}}
        files = {hosts_path(host): (content, 0o644) for host, content in entries.items()}
        for node in cluster.nodes:
            with texts_archive(files) as archive:
                self._provider.put(node.container, "/", archive)
        announced = json.dumps(_announcement(self))
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "--validate=false", "--filename=-", input=announced)
        self._attached.append((cluster, (*own, *hosts)))

    def stop(self) -> None:
        """Removes it, and what kept clusters know of it. Does nothing the second time."""
        self._renewal.stop()
        for cluster, hosts in self._attached:
            if cluster.kept:
                self._forget(cluster, hosts)
        self._attached.clear()
        self._provider.remove(self.container)

    def _forget(self, cluster: KindCluster, hosts: Iterable[str]) -> None:
        folders = [f"/{hosts_path(host).rpartition('/')[0]}" for host in hosts]
        delete = ["kubectl", "delete", "configmap", _CONFIG_MAP, "--namespace=kube-public", "--ignore-not-found"]
        everywhere = [(node, ["rm", "-rf", *folders]) for node in cluster.nodes]
        for node, argv in (*everywhere, (cluster._control_plane(), delete)):  # noqa: SLF001 - the toolbox is the handle's own hands
            with suppress(NotFound, Conflict):  # a node that was removed or is off: its next registry has the same name
                self._provider.exec(node.container, argv)


def serve(workshop: Workshop, request: Request, connect: Callable[[], Provider]) -> Registry:
    """A new registry that answers.

    It runs in a container from the node image, which is there anyway, with the program put into it.

    Args:
        workshop: for the program, which is compiled once; its labels are the container's.
        request: the cluster beside which it is to be: its node image, network and lease.
        connect: a connection of its own for the renewal of its lease.

    Raises:
        UsageError: the network gives containers no address.
        KindError: it does not answer within 30 s; its last words are in the message.
    """
    provider = workshop.provider
    image = store.resolve(workshop, reference=request.image, kubernetes=request.version, source=request.source)
    program = go_modules.build(workshop, read_inputs(provider.info().architecture), PROGRAM, "registry") / "registry"
    spec = ContainerSpec(
        name=f"pytest-kind-registry-{secrets.token_hex(4)}",
        image=image.id,
        labels={**workshop.labels, labels.KIND: "registry"},
        entrypoint=["/kind/serve-registry"],
        command=[str(request.lease)],
        environment={"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
        ports=[Port(container=_PORT)],
        tmpfs={"/run": ""},
        volume="/var/lib/registry",
        network=request.network,
        tty=False,
    )
    with workshop.progress.step("starting the registry"):
        container = provider.create(spec)
        renewal = Renewal(connect, [container], request.lease)
        try:
            _fill(provider, container, program, workshop.scratch)
            provider.start(container)
            _wait(provider, container, spec.name)
            addresses = _addresses(provider, container, request.network)
            _, port = provider.published_port(container, _PORT)
        except BaseException:
            renewal.stop()
            provider.remove(container)
            raise
    address = next(iter(addresses.values()))
    return Registry(
        address=f"localhost:{port}",
        endpoint=f"http://[{address}]:{_PORT}" if ":" in address else f"http://{address}:{_PORT}",
        container=container,
        _provider=provider,
        _networks=frozenset(addresses),
        _renewal=renewal,
    )


def _fill(provider: Provider, container: str, program: Path, scratch: Path) -> None:
    script = (resources.files("pytest_kind.toolbox") / "serve-registry").read_bytes()
    with texts_archive({"kind/serve-registry": (script, 0o755), "kind/registry.yml": (json.dumps(_CONFIG).encode(), 0o644)}) as archive:
        provider.put(container, "/", archive)
    with files_archive({"usr/local/bin/registry": program}, scratch, 0o755) as archive:
        provider.put(container, "/", archive)


def _wait(provider: Provider, container: str, name: str) -> None:
    def probe() -> NotYet | bool:
        there = provider.container(container)
        if there is None or not there.running:
            raise KindError(f"registry {name}: ended at once; its console ended with\n{provider.logs(container, 20).strip()}")
        argv = ["curl", "--silent", "--show-error", "--fail", "--max-time", "1", f"http://127.0.0.1:{_PORT}/v2/"]
        asked = provider.exec(container, argv, seconds=5)
        return NotYet(str(CommandError(name, argv, asked.code, asked.output))) if asked.code else True

    wait_for(f"registry {name} answers", probe, Deadline(_SECONDS))


def _addresses(provider: Provider, container: str, network: str) -> Mapping[str, str]:
    found = provider.addresses(container)
    if not found:
        raise UsageError(f"--kind-network: {network} gives containers no address of their own: no registry can be beside the nodes")
    return found


def _announcement(registry: Registry) -> dict[str, object]:
    """What tools look for to learn of a local registry.

    https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry
    """
    hosting = {
        "host": registry.address,
        "hostFromContainerRuntime": registry.name,
        "hostFromClusterNetwork": registry.endpoint.removeprefix("http://"),
        "help": "https://kind.sigs.k8s.io/docs/user/local-registry/",
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _CONFIG_MAP, "namespace": "kube-public"},
        "data": {"localRegistryHosting.v1": json.dumps(hosting)},
    }

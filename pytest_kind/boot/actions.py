"""The steps from a created container to a ready Kubernetes, in order; one loop runs them (``cluster.py``).

Nothing here waits for a clock: each step polls, closely and with the boot's one deadline, for what it needs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api, ApiError
from pytest_kind.boot import addons
from pytest_kind.boot.files import node_files
from pytest_kind.boot.kubeadm import API_PORT, NodeFacts
from pytest_kind.errors import CommandError, KindError
from pytest_kind.image.archive import texts_archive
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.progress import Progress
    from pytest_kind.provision.provider import Provider

_POLL_SECONDS = 0.03
# kubeadm's phases that nothing waits for: its records in the cluster, and the means to join further nodes.
_EARLIER_PHASES = "preflight,certs,kubeconfig,etcd,control-plane,kubelet-start,wait-control-plane,addon,show-join-command"


@dataclass(slots=True, kw_only=True)
class BootContext:
    """What the steps share. The second half is filled by the steps themselves.

    Attributes:
        provider: the engine.
        container: the node's.
        facts: what kubeadm must know of the node.
        lease: of the node, in seconds.
        scratch: a private folder.
        deadline: of the whole boot.
    """

    provider: Provider
    container: str
    config: ClusterConfig
    facts: NodeFacts
    lease: int
    scratch: Path
    deadline: Deadline
    progress: Progress
    server: str = ""
    admin: dict[str, Any] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    phases: list[tuple[str, float]] = field(default_factory=list)
    _api: Api | None = None

    @property
    def api(self) -> Api:
        """The API, as its administrator; there from ``Facts`` on."""
        if self._api is None:
            raise KindError("no step has found the API server's address yet")
        return self._api

    def connect(self, credentials: kubeconfig.Credentials) -> None:
        """Opens the connection that ``api`` is."""
        self._api = Api(credentials, self.scratch)

    def close(self) -> None:
        """Closes it."""
        if self._api is not None:
            self._api.close()

    def exec(self, argv: Sequence[str], seconds: float | None = None) -> str:
        """A command on the node that must succeed.

        Raises:
            CommandError: it did not.
        """
        result = self.provider.exec(self.container, argv, seconds=max(1.0, seconds or self.deadline.left))
        if result.code:
            raise CommandError(self.facts.name, argv, result.code, result.output)
        return result.stdout

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures a step."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases.append((name, time.monotonic() - start))


class Action(Protocol):
    """A step of a boot. ``name`` is what an error and the timings call it."""

    name: str

    def __call__(self, context: BootContext) -> None:
        """Does it. Raises a :class:`~pytest_kind.errors.KindError` when it cannot."""


class Fill:
    """Puts everything that is known beforehand into the node, in one archive, before it starts."""

    name = "fill"

    def __call__(self, context: BootContext) -> None:
        files = node_files(context.config, context.facts, context.lease)
        with texts_archive(files) as archive:
            context.provider.put(context.container, "/", archive)


class Start:
    """Starts it: systemd, containerd, and kubeadm's file phases beside each other."""

    name = "engine"

    def __call__(self, context: BootContext) -> None:
        context.provider.start(context.container)
        address, port = context.provider.published_port(context.container, API_PORT)
        context.server = kubeconfig.url(address, port)


class Facts:
    """Fetches what kubeadm made: credentials, and the addons' manifests."""

    name = "kubeadm"

    def __call__(self, context: BootContext) -> None:
        seconds = max(1, int(context.deadline.left))
        found = json.loads(context.exec(["/kind/pytest-kind/facts", str(seconds)]))
        context.admin = kubeconfig.outside(found["admin"], context.facts.cluster, context.server)
        context.connect(kubeconfig.credentials(kubeconfig.outside(found["superAdmin"], context.facts.cluster, context.server)))
        context.manifests = {name: found[name] for name in ("dns", "proxy", "storage")}


class ApiServer:
    """Waits until the API server answers and posts the addons; then lets the controllers start."""

    name = "API"

    def __call__(self, context: BootContext) -> None:
        dns = addons.quick_dns(addons.documents(context.manifests["dns"]), context.facts.address)
        objects = [
            addons.cluster_admins(),
            *addons.documents(context.manifests["proxy"]),
            *dns,
            *addons.direct_storage(addons.documents(context.manifests["storage"]), context.facts.address),
        ]

        def post() -> NotYet | bool:
            # The server answers before it has made its own namespaces and roles: what it refuses now it takes soon.
            try:
                while objects:
                    context.api.create(objects[0])
                    objects.pop(0)
            except ApiError as error:
                return NotYet(str(error))
            return True

        def ready() -> NotYet | bool:
            try:
                context.api.text("/readyz")
            except ApiError as error:
                return NotYet(str(error))
            return True

        tick = context.progress.tick
        wait_for("the API server takes objects", post, context.deadline, every=_POLL_SECONDS, on_wait=tick)
        wait_for("the API server's /readyz", ready, context.deadline, every=_POLL_SECONDS, on_wait=tick)
        context.exec(["/kind/pytest-kind/release"])


class NodeReady:
    """Waits for the node to be Ready."""

    name = "node"

    def __call__(self, context: BootContext) -> None:
        path = f"/api/v1/nodes/{context.facts.name}"

        def probe() -> NotYet | bool:
            try:
                conditions = context.api.get(path)["status"].get("conditions", [])
            except ApiError as error:
                return NotYet(str(error))
            ready = next((one for one in conditions if one["type"] == "Ready"), None)
            if ready is None or ready["status"] != "True":
                return NotYet(f"node {context.facts.name}: {ready['message'] if ready else 'has reported nothing'}")
            return True

        wait_for(f"node {context.facts.name} is Ready", probe, context.deadline, every=_POLL_SECONDS, on_wait=context.progress.tick)


class Dns:
    """Waits until a query from a pod's network namespace to the DNS Service's address is answered."""

    name = "DNS"

    def __call__(self, context: BootContext) -> None:
        server = addons.service_address(addons.documents(context.manifests["dns"]))
        seconds = max(1.0, context.deadline.left)
        context.exec(["/kind/pytest-kind/dns-ready", server, "kubernetes.default.svc.cluster.local", f"{seconds:.1f}"], seconds + 5)


class Finish:
    """kubeadm's remaining phases: its configuration, the node's mark, the bootstrap token's rights."""

    name = "finish"

    def __call__(self, context: BootContext) -> None:
        context.exec(["kubeadm", "init", "--config", "/kind/kubeadm.conf", f"--skip-phases={_EARLIER_PHASES}"])
        # As kind does for a single node: load balancers have nowhere else to send to.
        label = {"node.kubernetes.io/exclude-from-external-load-balancers": None}
        context.api.patch(f"/api/v1/nodes/{context.facts.name}", {"metadata": {"labels": label}})


class Defaults:
    """Waits for what tests take for granted: the default ServiceAccount and the default StorageClass."""

    name = "defaults"

    def __call__(self, context: BootContext) -> None:
        def probe() -> NotYet | bool:
            try:
                context.api.get("/api/v1/namespaces/default/serviceaccounts/default")
                classes = context.api.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
            except ApiError as error:
                return NotYet(str(error))
            marked = [one for one in classes if one["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class") == "true"]
            return bool(marked) or NotYet("no StorageClass is marked as default")

        wait_for("default ServiceAccount and StorageClass", probe, context.deadline, every=_POLL_SECONDS, on_wait=context.progress.tick)


def default_actions() -> list[Action]:
    """The steps for one control-plane node."""
    return [Fill(), Start(), Facts(), ApiServer(), NodeReady(), Dns(), Finish(), Defaults()]

"""``expose``: a server of this process as a Service of the cluster.

A relay on a node takes the connections; the Service leads to it by the node's constant address, from every pod, node and API
server alike, and the connections come here over the engine's own stream of the relay. Nothing listens on this machine but the
server itself.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_kind import labels
from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api, ApiError
from pytest_kind.boot.context import side_by_side
from pytest_kind.errors import CommandError, UsageError, WaitTimeout
from pytest_kind.node import KindNode
from pytest_kind.toolbox.reach import certificate, service, target
from pytest_kind.toolbox.reach.exposed import Exposed, Tls
from pytest_kind.toolbox.reach.relay import Post, Relay, random_word
from pytest_kind.toolbox.reach.tunnel import Tunnel, tunnelling
from pytest_kind.waiting import Deadline

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

Mode = Literal["terminate", "passthrough"]

_LOG = logging.getLogger(__name__)
_MODES = ("terminate", "passthrough")
# Asked on a node: until the Service leads to the relay, seen from there. An attempt that began before kube-proxy had heard of the
# Service stays lost, so each has a fraction of a second.
_REACHES = """
end=$((SECONDS + $4))
until said=$(timeout 0.3 bash -c 'exec 3<>"/dev/tcp/$0/$1" && read -r -u 3 said && echo "$said"' "$1" "$2" 2>&1) && [ "$said" = "$3" ]; do
  [ $SECONDS -lt $end ] || { echo "${said:-no answer}"; exit 1; }
  sleep 0.02
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be exposed, checked.

    Attributes:
        address: the server's, on this machine.
        name: the Service's.
        namespace: its namespace.
        port: the Service's.
        tls: who ends TLS, if anybody does.
    """

    address: tuple[str, int]
    name: str
    namespace: str
    port: int
    tls: Mode | None


def wish(server: Any, name: str, namespace: str, port: int | None, tls: str | None) -> Wish:  # noqa: ANN401 - see address_of
    """The arguments of ``expose``, checked; all that is wrong with them in one error.

    Raises:
        UsageError: it is.
    """
    wrong = service.problems(name, namespace, port)
    if tls is not None and tls not in _MODES:
        wrong.append(f"expose: tls: {tls!r} is not accepted; accepted are None, {' and '.join(repr(mode) for mode in _MODES)}")
    address = ("", 0)
    try:
        address = target.address_of(server)
    except UsageError as error:
        wrong.insert(0, str(error))
    if wrong:
        raise UsageError("\n".join(wrong))
    mode: Mode | None = "terminate" if tls == "terminate" else "passthrough" if tls == "passthrough" else None
    return Wish(address=address, name=name, namespace=namespace, port=port or (80 if tls is None else 443), tls=mode)


@contextlib.contextmanager
def expose(cluster: KindCluster, wanted: Wish, seconds: float) -> Iterator[Exposed]:
    """Makes a server of this machine a Service until the block ends.

    Args:
        seconds: how long to wait until every node that runs reaches it.

    Raises:
        UsageError: there is no such namespace, or another Service of that name.
        WaitTimeout: a node does not reach it in time.
        KindError: the relay did not start.
    """
    site, deadline = cluster._site, Deadline(seconds)  # noqa: SLF001 - the toolbox is the handle's own hands
    running = _running(cluster)
    post = _post(cluster, running)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expose-", dir=site.folder)))
        api = stack.enter_context(contextlib.closing(Api(kubeconfig.credentials(cluster._admin), folder)))  # noqa: SLF001
        relay = Relay.open(site.provider, post)
        stack.callback(relay.close)
        there = service.create(api, running[0], wanted.name, wanted.namespace, wanted.port, (relay.port, post.addresses))
        stack.callback(_remove, cluster, folder, wanted)
        exposed = Exposed(name=wanted.name, namespace=wanted.namespace, port=wanted.port, cluster_ip=there.addresses[0])
        if wanted.tls is not None:
            exposed.tls = Tls.write(folder, certificate.issue(running[0], [*exposed.names, "localhost"], [*there.addresses, "127.0.0.1", "::1"]))
        _wait_until_reached(running, (there.addresses[0], wanted.port, post.word), deadline)
        again = functools.partial(Relay.open, site.provider, post.at(relay.port))
        tunnel = Tunnel(relay, again, wanted.address, exposed.ssl_context if wanted.tls == "terminate" else None)
        exposed.follow(lambda: tunnel.failure)
        stack.enter_context(tunnelling(tunnel))
        yield exposed


def _running(cluster: KindCluster) -> list[KindNode]:
    """The nodes that run, a control plane first: the relay's."""
    running = {one.id for one in cluster._site.provider.containers({labels.CLUSTER: cluster.name}) if one.running}  # noqa: SLF001
    nodes = [node for node in cluster.nodes if node.container in running]
    nodes.sort(key=lambda node: node.role != labels.ROLE_CONTROL_PLANE)
    if not nodes:
        raise UsageError(f"expose: no node of cluster {cluster.name} runs")
    return nodes


def _post(cluster: KindCluster, running: list[KindNode]) -> Post:
    place = next(one.machine.place for one in cluster._machines if one.name == running[0].name)  # noqa: SLF001
    return Post(node=running[0].name, container=running[0].container, addresses=place.addresses, word=random_word())


def _wait_until_reached(nodes: list[KindNode], at: tuple[str, int, str], deadline: Deadline) -> None:
    address, port, word = at

    def look(node: KindNode) -> None:
        left = max(1, round(deadline.left))
        try:
            node.exec("bash", "-c", _REACHES, "reaches", address, str(port), word, str(left), timeout=left + 5)
        except CommandError as error:
            raise WaitTimeout(f"expose: node {node.name} reaches {address} port {port}", deadline.seconds, error.output.strip()) from error

    side_by_side(look, nodes)


def _remove(cluster: KindCluster, folder: Path, wanted: Wish) -> None:
    # Wherever the API is published now: a test may have stopped the cluster and started it again.
    with contextlib.closing(Api(kubeconfig.credentials(cluster._admin), folder)) as api:  # noqa: SLF001
        try:
            service.remove(api, wanted.name, wanted.namespace)
        except ApiError as error:
            if error.status:
                raise
            # The test has stopped the cluster, or deleted it: that is no error of the test's.
            _LOG.warning("expose: Service %s/%s could not be removed: %s", wanted.namespace, wanted.name, error)

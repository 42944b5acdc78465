"""A cluster brought back to what it was when it was handed over."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_kind import labels, nodes
from pytest_kind.api import kubeconfig
from pytest_kind.api.apis import Apis
from pytest_kind.api.http import Api, ApiError
from pytest_kind.errors import UsageError
from pytest_kind.pristine.difference import Difference, What, differences, rebased, told
from pytest_kind.pristine.model import Document, Key, Listing, is_going
from pytest_kind.pristine.plan import Call, Deed, Mood, plan
from pytest_kind.pristine.record import OnNode, known_pods, look, reap, used_volumes, without
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

_FINISH = "pytest-kind-finish.service"
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_GONE, _CONFLICT, _FORBIDDEN, _INVALID = 404, 409, 403, 422
_PATIENT_SECONDS = 1.0
"""How long those who stay have for the finalizers of what goes."""
_DEFINITION_SECONDS = 5.0
"""… and the API server for those of definitions, whose objects would be lost in etcd without it."""
_REFUSED = "failed calling webhook"
_EVERY = 0.03


@dataclass(frozen=True, slots=True)
class Sight:
    """A cluster as it was seen."""

    listing: Listing
    nodes: dict[str, OnNode]


@dataclass(frozen=True, slots=True)
class Restored:
    """How a cluster was brought back.

    Attributes:
        found: what differed at first.
        seconds: how long it took.
        requests: how many were sent to the API.
        looks: how often it was listed.
    """

    found: tuple[Difference, ...]
    seconds: float
    requests: int
    looks: int


@dataclass(slots=True)
class _Way:
    """What is learnt while a cluster is brought back."""

    first: list[Difference] | None = None
    looks: int = 0
    since: dict[str, float] = field(default_factory=dict)  # uid -> when it was first seen to be deleted
    doomed: set[str] = field(default_factory=set)  # the uids of pods that are to be ended on their nodes
    strangers: set[tuple[str, str]] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)  # of volumes, that are to be removed
    aside: list[Future[str]] = field(default_factory=list)  # what goes on meanwhile
    refused: int = 0
    unarmed: bool = False
    replaced: bool = False  # whether pods of those that stay began anew
    waiting: tuple[set[str], Sight] | None = None  # what alone is worth a look, and the rest
    last: str = ""


class Pristine:
    """Knows what a cluster was, from :meth:`take` on, and brings it back.

    Attributes:
        kept: namespaces that stay, for their user to look at.
    """

    def __init__(self, cluster: KindCluster) -> None:
        self._cluster = cluster
        self._apis: Apis | None = None
        self._record: Sight | None = None
        self._machines: tuple[str, ...] = ()
        self.kept: set[str] = set()

    # Looking

    def take(self, seconds: float) -> Sight:
        """Takes down what the cluster is now.

        Waits for what kubeadm does beside the first test, and until two looks show the same: controllers that have just
        begun make things of their own.

        Raises:
            WaitTimeout: it keeps changing.
        """
        first = self._cluster.nodes[0]
        # Where there is no such unit, as in clusters of others, there is nothing to wait for.
        self._cluster._site.provider.exec(first.container, ["systemctl", "start", _FINISH], seconds=seconds)  # noqa: SLF001 - of this package
        last: Sight | None = None

        def probe() -> Sight | NotYet:
            nonlocal last
            try:
                before, last = last, self.look()
            except ApiError as error:
                return NotYet(str(error))
            found = differences(before.listing, last.listing) if before is not None else []
            return NotYet(told(found) if found else "looked at once") if found or before is None else last

        self._record = wait_for(f"cluster {self._cluster.name} comes to rest", probe, Deadline(seconds), every=0.2)
        self._machines = tuple(node.name for node in self._cluster.nodes)
        return self._record

    @property
    def record(self) -> Sight:
        """What was taken down."""
        assert self._record is not None  # noqa: S101 - its callers have taken it
        return self._record

    def look(self) -> Sight:
        """The cluster as it is."""
        return self._look(_Way())

    def _look_for(self, names: Iterable[str], known: Sight) -> Sight:
        """Some resources, where all else is known."""
        return Sight(look(self._open(), names, known.listing), known.nodes)

    def _look(self, way: _Way) -> Sight:
        """Lists the API and the nodes beside each other; on the nodes what is doomed ends first."""
        apis, provider, machines = self._open(), self._cluster._site.provider, self._cluster.nodes  # noqa: SLF001
        way.looks += 1
        # A node ends what is to end while the API is listed.
        with ThreadPoolExecutor(len(machines), thread_name_prefix="pytest-kind-nodes") as pool:
            told_by = {
                node.name: pool.submit(reap, provider, node.container, node.name, sorted(way.doomed), sorted(way.folders)) for node in machines
            }
            listing = look(apis)
            return Sight(listing, {name: future.result() for name, future in told_by.items()})

    def _open(self) -> Apis:
        credentials = kubeconfig.credentials(self._cluster._admin)  # noqa: SLF001
        if self._apis is None or self._apis.credentials != credentials:
            self.close()
            self._apis = Apis(credentials, self._cluster._site.folder)  # noqa: SLF001
        return self._apis

    def close(self) -> None:
        """Closes its connections."""
        if self._apis is not None:
            self._apis.close()
            self._apis = None

    # Back

    def restore(self, seconds: float) -> Restored:
        """Brings the cluster back to what it was when it was taken down.

        Raises:
            WaitTimeout: it did not become so; the message has what differed last.
            UsageError: nodes are gone for good.
        """
        start, deadline, way = time.monotonic(), Deadline(seconds), _Way()
        self._machines_back(deadline)
        before = self._open().requests

        def probe() -> bool | NotYet:
            try:
                return self._round(way) or NotYet(way.last)
            except ApiError as error:
                return NotYet(f"{way.last}; {error}" if way.last else str(error))

        wait_for(f"cluster {self._cluster.name} is as it was handed over", probe, deadline, every=_EVERY)
        for future in way.aside:
            future.result()
        if way.replaced:
            nodes.wait_for_dns(self._cluster, max(1.0, deadline.left))  # whose servers may be among them
        return Restored(tuple(way.first or ()), time.monotonic() - start, self._open().requests - before, way.looks)

    def _machines_back(self, deadline: Deadline) -> None:
        cluster = self._cluster
        there = {one.id: one for one in cluster._site.provider.containers({labels.CLUSTER: cluster.name})}  # noqa: SLF001
        for node in [node for node in cluster.nodes if node.name not in self._machines]:
            cluster.remove_node(node.name)
        left = {node.name: node for node in cluster.nodes}
        lost = [name for name in self._machines if name not in left or left[name].container not in there]
        if lost:
            raise UsageError(
                f"cluster {cluster.name} cannot be brought back: a test took its node {', '.join(lost)} away; "
                "a test that does so has a cluster of its own from kind_cluster_factory"
            )
        states = {one.state for one in there.values()}
        if "paused" in states:
            cluster.unpause(timeout=deadline.left)
        if states - {"running", "paused"}:
            cluster.start(timeout=deadline.left)

    def _round(self, way: _Way) -> bool:
        """Looks, and does what follows from it. Whether nothing did."""
        waited = way.waiting is not None
        sight = self._look(way) if way.waiting is None else self._look_for(*way.waiting)
        way.doomed, way.folders, way.waiting = set(), set(), None
        found = differences(self.record.listing, sight.listing, self.kept)
        if way.first is None:
            way.first = found
        way.replaced = way.replaced or any(one.what in {What.STALE, What.UNREADY} for one in found)
        running = self._strangers(way, sight)
        way.folders = self._folders(sight, {one.key for one in found if one.what is What.NEW})
        refused = {name: why for name, why in sight.listing.refused.items() if name not in self.record.listing.refused}
        if not (found or running or way.folders or refused):
            if waited:
                return False  # but what was not looked at
            self._record = Sight(rebased(self.record.listing, sight.listing, self.kept), self.record.nodes)
            return True
        way.last = "; ".join(filter(None, [told(found), *running, *(f"not removed yet: {path}" for path in sorted(way.folders)), *refused.values()]))
        if all(one.what is What.UNREADY for one in found) and not (running or way.folders or refused):
            way.waiting = {"pods", *(one.key.resource for one in found)}, sight
        else:
            self._act(way, found, sight.listing)
        return False

    def _strangers(self, way: _Way, sight: Sight) -> list[str]:
        """Pods that run on a node and that the API does not know; those of which that was so before are to end."""
        known = known_pods(sight.listing)
        now = {(name, uid) for name, node in sight.nodes.items() for uid in node.pods if uid not in known and "-" in uid}
        way.doomed |= {uid for _, uid in now & way.strangers}
        way.strangers = now
        return [f"node {name} still runs pod {uid}, which the API does not know any more" for name, uid in sorted(now)]

    def _folders(self, sight: Sight, new: set[Key]) -> set[str]:
        """Folders of volumes that nobody has any more, or will when what is new is gone."""
        used = used_volumes(without(sight.listing, new))
        claims = {key for key, one in sight.listing.of("persistentvolumeclaims") if key in self.record.listing.objects and not is_going(one)}
        mine = [f"_{key.namespace}_{key.name}" for key in claims] + [f"_{name}_" for name in self.kept]
        stale = set()
        for name, node in sight.nodes.items():
            before = self.record.nodes[name].volumes if name in self.record.nodes else frozenset[str]()
            stale |= {path for path in node.volumes - before - used if not any(word in path for word in mine)}
        return stale

    def _act(self, way: _Way, found: list[Difference], now: Listing) -> None:
        for one in now.objects.values():
            if is_going(one):
                way.since.setdefault(one["metadata"].get("uid", ""), time.monotonic())
        mood = Mood(unarmed=way.unarmed, patient=lambda key, one: self._is_patient(way, key, one))
        troubles: list[str] = []
        for step in plan(found, self.record.listing, now, mood):
            way.aside += [self._open().begin(self._do, deed) for deed in step if deed.aside]
            troubles += filter(None, self._open().each(self._do, [deed for deed in step if not deed.aside]))
            gone = (key for deed in step for key in deed.going if key.resource == "pods")
            way.doomed |= {now.objects[key]["metadata"].get("uid", "") for key in gone}
        if troubles:
            way.last += f"; {troubles[0]}"
        # Twice: the API server may not have seen yet that it was deleted.
        way.refused = way.refused + 1 if any(_REFUSED in trouble for trouble in troubles) else 0
        way.unarmed = way.unarmed or way.refused > 1

    def _is_patient(self, way: _Way, key: Key, one: Document) -> bool:
        if key.resource == _CRDS:
            seconds = _DEFINITION_SECONDS
        elif Key(_CRDS, "", key.resource) in self.record.listing.objects:
            seconds = _PATIENT_SECONDS
        else:
            return False
        return time.monotonic() - way.since.setdefault(one["metadata"].get("uid", ""), time.monotonic()) < seconds

    def _do(self, api: Api, deed: Deed) -> str:
        """Does it; what went wrong, if something did."""
        for call in deed.calls:
            try:
                _send(api, call)
            except ApiError as error:
                if error.status in {_GONE, _CONFLICT}:
                    continue
                if deed.otherwise is not None and error.status in {_INVALID, _FORBIDDEN}:
                    return self._do(api, Deed(deed.what, (deed.otherwise,)))
                return f"{deed.what}: {error}"
        return ""


def _send(api: Api, call: Call) -> None:
    if call.method == "DELETE":
        api.delete(call.path, call.body)
    elif call.method == "PATCH":
        api.patch(call.path, call.body or {})
    elif call.method == "POST":
        api.post(call.path, call.body or {})
    else:
        api.put(call.path, call.body or {})

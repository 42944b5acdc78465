"""The whole story of a cluster."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind import frozen, kept, labels, naming
from pytest_kind.api import kubeconfig
from pytest_kind.attempt import Attempt, BadCopy
from pytest_kind.boot.actions import Action
from pytest_kind.boot.context import BootMachine, side_by_side
from pytest_kind.boot.kubeadm import ClusterFacts, check_patches
from pytest_kind.errors import BootError, CommandError, Conflict, KindError, UsageError
from pytest_kind.handle import KindCluster as Handle
from pytest_kind.handle import Site, remove_cluster
from pytest_kind.image import kindest
from pytest_kind.image.balancer import balancer_image
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease import spares
from pytest_kind.lease.renewal import Renewal
from pytest_kind.lease.sweep import users
from pytest_kind.node import KindNode
from pytest_kind.provision import kernel
from pytest_kind.provision.places import Machine, machines, random_link
from pytest_kind.provision.plan import Plan, builder_marks, shared_volume
from pytest_kind.provision.ports import free_port
from pytest_kind.provision.proxies import client_config, direct, proxy_environment
from pytest_kind.wanted import Images, Request, api_names, kept_digest, refuse_long_names, refuse_unreachable, resolve_images, spare_digest, unlike

if TYPE_CHECKING:
    from pytest_kind.boot.frozen import Frozen
    from pytest_kind.config.types import ClusterConfig
    from pytest_kind.lease.session import Session
    from pytest_kind.peer import KindCluster
    from pytest_kind.progress import Progress
    from pytest_kind.provision.provider import EngineInfo, Provider

# A port that was free when it was chosen may be taken when it is used; thrice in a row is no accident.
_PORT_TRIES = 3


@dataclass(slots=True, kw_only=True)
class Maker:
    """Where clusters are made: an engine, a cache and a session.

    Attributes:
        retain: whether the machines of a boot that failed stay, to be looked at.
        failed: told of a boot that failed, its cluster's name and the evidence, while its machines are there.
        fit: called before a new cluster is made; raises where none would come up.
        meanwhile: called in a thread when a new cluster's machines start: what its user wants to have done when it is ready.
    """

    connect: Callable[[], Provider]
    provider: Provider
    session: Session
    cache: Path
    progress: Progress
    extra_actions: Callable[[ClusterConfig], Iterable[Action]] = field(default=lambda _: ())
    retain: bool = False
    failed: Callable[[str, str], object] = field(default=lambda *_: None)
    fit: Callable[[Request], object] = field(default=lambda _: None)
    meanwhile: Callable[[], object] = field(default=lambda: None)

    def make(self, request: Request) -> Handle:
        """A ready cluster: the kept one that is asked for, or a new one.

        Raises:
            UsageError: a name that something else has, an image that is none, a kernel that lacks what is asked for.
            UnfitMachine: the preflight saw that none would come up.
            BootError: it did not come up in time; nothing of it is left, the evidence is in the message.
        """
        images = resolve_images(self._workshop(request), request)
        name = request.name or request.config.name
        if request.keep:
            name = name or f"pytest-kind-{kept_digest(request, images)[:8]}"
            with self._workshop(request).locked(f"kept-{name}", f"cluster {name}"):
                cluster = self._kept(request, images, name)
                if cluster is not None:
                    return cluster
                self._refuse_taken(name)
                return self._new(request, images, name)
        if name is not None:
            self._refuse_taken(name)
            return self._new(request, images, name)
        return self._spare(request, images) or self._new(request, images, naming.random_cluster_name())

    def warm(self, request: Request) -> str:
        """A ready cluster for whoever next wants such a one without a name: it is there until its lease runs out. Returns its name.

        Raises:
            UsageError, BootError: as with ``make``.
        """
        images = resolve_images(self._workshop(request), request)
        name = naming.random_cluster_name()
        made = self._new(request, images, name, spare=spare_digest(request, images))
        made.release()
        spares.offer(self.cache, name)
        return name

    def _spare(self, request: Request, images: Images) -> Handle | None:
        """A cluster that is ready already, if there is such a one and nobody else takes it."""
        if request.cold:
            return None
        wanted = {labels.SPARE: spare_digest(request, images), labels.CLUSTER: None}
        for name in sorted({container.labels[labels.CLUSTER] for container in self.provider.containers(wanted)}):
            if not spares.take(self.cache, name, self.session.folder):
                continue
            found = kept.find(self.provider, name)
            if found is None:  # its lease had run out, and another run's sweep was faster
                continue
            why = kept.unwell(self.provider, found, self.session.folder)
            if why is None:
                try:
                    return self._taken(request, images, found)
                except KindError as error:
                    why = str(error)
            self.progress.note(f"cluster {name}, which was ready for this run, is no good any more and goes: {why}")
            remove_cluster(self.provider, name)
        return None

    def _taken(self, request: Request, images: Images, found: kept.Found) -> Handle:
        start = time.monotonic()
        with self.progress.step(f"taking cluster {found.name}, which was ready"):
            # It was there for whoever comes; from now on it is there as long as this run.
            side_by_side(lambda one: self._let(one, request.lease), found.machines)
            handle = self._of(request, images, found, "take", start)
            handle._site.renewal = Renewal(self.connect, [one.container for one in found.machines], request.lease)  # noqa: SLF001
        return handle

    def _let(self, one: BootMachine, lease: int) -> None:
        result = self.provider.exec(one.container, ["/kind/pytest-kind/let", str(lease)], seconds=10)
        if result.code:
            raise CommandError(one.name, ["let", str(lease)], result.code, result.output)

    def _workshop(self, request: Request) -> Workshop:
        marks = self.session.labels(lease=request.lease)
        return Workshop(provider=self.provider, cache=self.cache, scratch=self.session.folder, labels=marks, progress=self.progress)

    def _new(self, request: Request, images: Images, name: str, spare: str | None = None) -> Handle:
        marks = {
            **self.session.labels(keep=request.keep, lease=request.lease),
            **({} if spare is None else {labels.SPARE: spare}),
            labels.CONFIG_DIGEST: kept_digest(request, images),
            labels.IMAGE_DIGEST: images.digest,
        }
        self.fit(request)
        engine = self.provider.info()
        refuse_unreachable(request.config, engine)
        kernel.check(self.provider, engine, request.config, image=images.first.id, marks=builder_marks(marks))
        facts = ClusterFacts(
            cluster=name,
            machines=machines(request.config, name, random_link()),
            kubernetes=images.first.kubernetes or kindest.kubernetes_in(self._workshop(request), images.first.id),
            api_names=api_names(request.config, engine),
            token=f"{secrets.token_hex(3)}.{secrets.token_hex(8)}",
            durable=request.keep,
            static_pods=request.pods_of_control_plane,
        )
        refuse_long_names(name, facts)
        check_patches(request.config, facts)  # what fits nothing is refused before anything is made
        proxies = self._proxies(request, engine, facts.machines)
        obstacle = None if request.cold else frozen.obstacle(request, images, facts, proxies)
        if obstacle is not None:
            self.progress.note(f"no copies can be made of cluster {name}: {obstacle}")
        is_cold = request.cold or obstacle is not None
        # Without the nodes' names; where there is no proxy the engine need not be asked again.
        freeze = None if is_cold else frozen.digest(request, images, name, self._proxies(request, engine, ()) if proxies else {})
        copied = None if freeze is None else frozen.find(self.provider, freeze)
        tries = 0
        while True:
            tries += 1
            plan = self._plan(request, name, engine, marks, proxies)
            if plan.api_port == 0 and request.keep and engine.local:
                plan = replace(plan, api_port=free_port(request.config.networking.api_server_address))
            try:
                return self._attempt(request, images, plan, facts, freeze, copied)
            except BadCopy as error:
                assert copied is not None  # noqa: S101 - it was one
                why = f"phase {error.phase!r}: {str(error.__cause__).strip().splitlines()[0]}"
                self.progress.note(f"the frozen cluster that {name} was a copy of is no good and goes ({why}); making it from the ground")
                frozen.discard(self.provider, copied.image)
                copied = None
            except BootError as error:
                ours = plan.api_port != max(0, request.config.networking.api_server_port)
                if self.retain or not (ours and isinstance(error.__cause__, Conflict) and tries < _PORT_TRIES):
                    raise

    def _plan(self, request: Request, name: str, engine: EngineInfo, marks: dict[str, str], environment: dict[str, str]) -> Plan:
        return Plan(
            config=request.config,
            engine=engine,
            cluster=name,
            network=request.network,
            marks=marks,
            api_port=max(0, request.config.networking.api_server_port),
            environment=environment,
            shared=len(request.config.nodes) > 1,
        )

    def _attempt(self, request: Request, images: Images, plan: Plan, facts: ClusterFacts, freeze: str | None, copied: Frozen | None) -> Handle:
        def image(machine: Machine) -> str:
            if machine.node is None:
                return balancer_image(self._workshop(request), images.first)
            return images.of[machine.node.image].id if copied is None else copied.image

        attempt = Attempt(
            provider=self.provider,
            connect=self.connect,
            request=request,
            plan=plan,
            facts=facts,
            image=image,
            extra_actions=self.extra_actions(request.config),
            copied=copied,
            freeze=freeze,
            session=self.session.id,
            scratch=self.session.folder,
            progress=self.progress,
            retain=self.retain,
            failed=self.failed,
            spoilt=lambda: None if copied is None else frozen.discard(self.provider, copied.image),
            meanwhile=self.meanwhile,
        )
        context = attempt.run()
        handle = self._handle(request, images, plan, context.machines, context.admin, tuple(context.phases))
        site = handle._site  # noqa: SLF001 - what goes on beside the tests is the handle's from here on
        site.renewal, site.freezing, site.answering = attempt.renewal, attempt.freezing, attempt.answering
        handle.begins = tuple(context.begins)
        return handle

    def _proxies(self, request: Request, engine: EngineInfo, there: Iterable[Machine]) -> dict[str, str]:
        network = self.provider.network(request.network)
        return proxy_environment(
            os.environ,
            client_config(os.environ),
            no_proxy=direct(request.config, nodes=[machine.place.name for machine in there], networks=network.subnets),
            host=network.gateways[0] if engine.local and network.gateways else None,
            engine=engine.address,
        )

    def _kept(self, request: Request, images: Images, name: str) -> Handle | None:
        """The kept cluster of that name, if it is the one asked for and well; else it is replaced, with a line why."""
        start = time.monotonic()
        there = self.provider.containers({labels.CLUSTER: name})
        if not there:
            return None
        strange = next((one for one in there if not labels.is_ours(one.labels) or not labels.is_kept(one.labels)), None)
        if strange is not None:
            raise UsageError(f"--kind-name: {name!r} is in use by {strange.name}, which is no kept cluster of ours; choose another name")
        found = kept.find(self.provider, name)
        assert found is not None  # noqa: S101 - seen above
        why = unlike(found.labels, request, images) or kept.unwell(self.provider, found, self.session.folder)
        if why is None:
            return self._of(request, images, found, "attach", start)
        if users(self.cache, name, self.session.id):
            raise UsageError(f"--kind-keep: cluster {name} is used by another run and is not the one asked for: {why}; choose another --kind-name")
        self.progress.note(f"kept cluster {name} is replaced: {why}")
        remove_cluster(self.provider, name)
        return None

    def _of(self, request: Request, images: Images, found: kept.Found, how: str, start: float) -> Handle:
        """The handle of a cluster that was there."""
        marks = {key: value for key, value in found.labels.items() if key not in labels.OF_PLACES}
        engine = self.provider.info()
        proxies = self._proxies(request, engine, [one.machine for one in found.machines])
        plan = self._plan(request, found.name, engine, marks, proxies)
        admin = kept.admin(self.provider, found)
        return self._handle(request, images, plan, found.machines, admin, ((how, time.monotonic() - start),))

    def _handle(
        self,
        request: Request,
        images: Images,
        plan: Plan,
        there: tuple[BootMachine, ...],
        admin: dict[str, Any],
        phases: tuple[tuple[str, float], ...],
    ) -> Handle:
        folder = self.session.folder / plan.cluster
        folder.mkdir(mode=0o700, exist_ok=True)
        path = kubeconfig.write_private(folder / "kubeconfig", yaml.safe_dump(admin, sort_keys=False))
        site = Site(provider=self.provider, plan=plan, image=images.first.id, folder=folder, progress=self.progress)
        return Handle(
            name=plan.cluster,
            kubeconfig_path=path,
            config=request.config,
            kept=request.keep,
            phases=phases,
            image_digest=images.digest,
            _machines=there,
            _site=site,
            _admin=admin,
        )

    def _refuse_taken(self, name: str) -> None:
        nodes = self.provider.containers({labels.CLUSTER: name})
        if nodes and not labels.is_ours(nodes[0].labels):
            raise UsageError(f"--kind-name: {name!r} is in use by a cluster that is not ours (container {nodes[0].name}); choose another name")
        if nodes:
            what = "a kept cluster; attach to it with --kind-keep" if labels.is_kept(nodes[0].labels) else "another run; wait for it"
            raise UsageError(f"--kind-name: {name!r} is in use by {what}, or choose another name")
        volume = shared_volume(name)
        if any(one.name == volume for one in self.provider.volumes({})):
            raise UsageError(f"--kind-name: {name!r} would need the volume {volume}, which is there; `pytest-kind gc` removes what dead runs left")
        other = self.provider.container(naming.node_name(name, labels.ROLE_CONTROL_PLANE, 0))
        if other is not None:
            raise UsageError(f"--kind-name: {name!r} would need the container name {other.name}, which something that is not ours has")


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name == "KindCluster":  # users of PyPI's pytest-kind import it from here; it is above this module
        from pytest_kind.peer import KindCluster  # noqa: PLC0415

        return KindCluster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["KindCluster", "KindNode", "Maker", "Request", "remove_cluster"]

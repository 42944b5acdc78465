"""One attempt at a cluster: its machines are made, its boot's steps run; where one fails, evidence is taken and nothing stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_kind.answering import Answering
from pytest_kind.boot.actions import Action, default_actions
from pytest_kind.boot.context import BootContext, BootMachine
from pytest_kind.boot.copy import copying_actions
from pytest_kind.diagnose.evidence import boot_evidence
from pytest_kind.errors import BootError, Conflict, KindError, UsageError, is_machines
from pytest_kind.frozen import Freezing
from pytest_kind.handle import remove_cluster
from pytest_kind.lease.renewal import Renewal
from pytest_kind.provision.plan import builder_marks, container
from pytest_kind.waiting import Deadline

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_kind.boot.frozen import Frozen
    from pytest_kind.boot.kubeadm import ClusterFacts
    from pytest_kind.progress import Progress
    from pytest_kind.provision.places import Machine
    from pytest_kind.provision.plan import Plan
    from pytest_kind.provision.provider import Provider
    from pytest_kind.wanted import Request

_WORTH_SECONDS = 0.05  # what a phase must last to be told of


class BadCopy(BootError):
    """A copy did not come up, and what it is a copy of is why: the cluster can be made from the ground."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """What is to be made; the second half is what has been.

    Attributes:
        connect: another connection to the engine, for threads.
        request: who wants it.
        plan: what its containers have in common.
        facts: what kubeadm must know.
        image: of a machine: an id.
        copied: the frozen cluster that it is a copy of, if it is one.
        freeze: the digest under which it is frozen for copies, if it is.
        session: the id of the session whose machines they are.
        scratch: a private folder.
        retain: whether the machines of a boot that failed stay, to be looked at.
        failed: told of a boot that failed, its cluster's name and the evidence, while its machines are there.
        spoilt: told when what it is a copy of turns out to be no good after it was handed over.
        meanwhile: called in a thread when the machines start.
    """

    provider: Provider
    connect: Callable[[], Provider]
    request: Request
    plan: Plan
    facts: ClusterFacts
    image: Callable[[Machine], str]
    extra_actions: Iterable[Action]
    copied: Frozen | None
    freeze: str | None
    session: str
    scratch: Path
    progress: Progress
    retain: bool
    failed: Callable[[str, str], object]
    spoilt: Callable[[], object]
    meanwhile: Callable[[], object]
    there: list[BootMachine] = field(default_factory=list)
    phase: str = "create"
    context: BootContext | None = None
    renewal: Renewal | None = None
    freezing: Freezing | None = None
    answering: Answering | None = None
    is_up: bool = False

    def run(self) -> BootContext:
        """Makes it, and returns what is known of it.

        Raises:
            UsageError: something that was given cannot be used.
            BootError: it did not come up in time, with the evidence.
            BadCopy: the same, and it would from the ground.
        """
        doing = f"{'creating' if self.copied is None else 'copying'} cluster {self.plan.cluster}"
        try:
            with self.progress.step(doing) as details:
                context = self._machines()
                self._steps(context)
                details += [f"{name} {seconds:.1f}" for name, seconds in context.phases if seconds >= _WORTH_SECONDS]
        except UsageError:
            self._roll_back()
            raise
        except KindError as error:
            evidence = self._evidence(error)
            kind = BadCopy if self._is_bad_copy(error) else BootError
            raise kind(self.plan.cluster, self.phase, error, evidence) from error
        except BaseException as error:
            self._roll_back()
            error.add_note(f"broken off while {doing}, in its phase {self.phase}; nothing of it is left")
            raise
        finally:
            if self.context is not None:
                self.context.close()
        return context

    def _machines(self) -> BootContext:
        if self.plan.shared:
            self.provider.create_volume(self.plan.shared_volume, self.plan.volume_labels)
        first, *others = self.facts.machines
        self._create(first)
        request = self.request
        self.context = BootContext(
            provider=self.provider,
            machines=tuple(self.there),
            fresh=tuple(self.there),
            config=request.config,
            facts=self.facts,
            lease=0 if request.keep else request.lease,
            scratch=self.scratch,
            deadline=Deadline(request.timeout),
            progress=self.progress,
            copied=self.copied,
            rest=lambda: self._rest(others),
            meanwhile=self.meanwhile,
        )
        return self.context

    def _create(self, machine: Machine) -> None:
        spec = container(self.plan, machine, image=self.image(machine), publish=machine.place is self.facts.endpoint)
        self.there.append(BootMachine(machine, self.provider.create(spec)))

    def _rest(self, others: Iterable[Machine]) -> tuple[BootMachine, ...]:
        doing, self.phase = self.phase, "create"
        for machine in others:
            self._create(machine)
        if not self.request.keep:  # from here on: on a loaded machine a boot lasts longer than a short lease
            self.renewal = Renewal(self.connect, [one.container for one in self.there], self.request.lease)
        self.phase = doing
        return tuple(self.there[1:])

    def _steps(self, context: BootContext) -> None:
        freeze = self.freeze if self.copied is None else None
        own = copying_actions() if self.copied is not None else default_actions(len(self.facts.nodes), freeze=freeze is not None)
        for action in own:
            self._step(context, action)
        if context.dns_later:
            self.answering = Answering(self.connect, context, self.failed, self.spoilt)
        if freeze is not None and context.frozen is not None:  # before the steps that others add, which every copy goes through as well
            image = self.image(self.facts.machines[0])
            self.freezing = Freezing(self.connect, context, image=image, wanted=freeze, marks=builder_marks(self.plan.marks), told=self.progress.note)
        self.is_up = True
        for action in self.extra_actions:
            self._step(context, action)

    def _step(self, context: BootContext, action: Action) -> None:
        self.phase = action.name
        with context.phase(action.name):
            action(context)

    def _evidence(self, error: KindError) -> str:
        """What the machines say of it; then they go."""
        evidence = boot_evidence(self.provider, self.plan.cluster, error, self.there)
        try:
            # A conflict is tried again, or is no fault of the machines; and after a bad copy comes one from the ground.
            if not isinstance(error, Conflict) and not self._is_bad_copy(error):
                self.failed(self.plan.cluster, evidence)
        finally:
            self._roll_back()
        return evidence

    def _is_bad_copy(self, error: KindError) -> bool:
        """Whether the frozen cluster is to blame: not the steps that others add, the engine, or a port that is taken."""
        return self.copied is not None and not (self.is_up or self.retain or isinstance(error, Conflict) or is_machines(error))

    def _roll_back(self) -> None:
        if self.renewal is not None:
            self.renewal.stop()
        if self.answering is not None:
            self.answering.forget()
        if not self.retain:
            remove_cluster(self.provider, self.plan.cluster, self.session)
        if self.freezing is not None:
            self.freezing.wait()

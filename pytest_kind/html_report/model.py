"""What the page shows. Pure; moments are seconds since 1970 by this machine's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FAILED = ("failed", "error")
WARNING = "Warning"
ANY_CLUSTER = "*"
"""The cluster of a test that makes its own."""


@dataclass(frozen=True, slots=True)
class Section:
    """A text with a title: what a test printed, a traceback."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Phase:
    """``setup``, ``call`` or ``teardown`` of a test."""

    when: str
    start: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A test's turn; one that was run again had several.

    Attributes:
        id: pytest's node id.
        outcome: in the words of pytest's last line: ``passed``, ``failed``, ``error``, ``skipped``, ``xfailed``, ``xpassed``, ``rerun``.
        phases: in the order in which they came.
        lane: who ran it: a worker of xdist, a process of the suite; empty for pytest's own process.
        cluster: the name of the one that it had, if any; ``*`` of one that made its own.
        namespace: that of ``kind_namespace``, if it had one.
        labels: of an upstream spec.
        reason: why it did not pass, in a line.
        sections: the whole of that, and what it printed.
    """

    id: str
    outcome: str
    phases: tuple[Phase, ...]
    lane: str = ""
    cluster: str = ""
    namespace: str = ""
    labels: tuple[str, ...] = ()
    reason: str = ""
    sections: tuple[Section, ...] = ()

    @property
    def start(self) -> float:
        """When it began."""
        return min((one.start for one in self.phases), default=0.0)

    @property
    def end(self) -> float:
        """When it was over."""
        return max((one.start + one.seconds for one in self.phases), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of a cluster, or that it was seen again.

    Attributes:
        at: when it came; of one that was there before anybody looked, what it says itself.
        type: ``Normal`` or ``Warning``.
        regarding: the object that it is about: ``Pod default/web``.
        namespace: that object's.
        count: how often it was seen until then.
        source: who says it: ``kubelet``.
    """

    at: float
    cluster: str
    type: str
    reason: str
    regarding: str
    namespace: str
    message: str
    count: int
    source: str


@dataclass(frozen=True, slots=True)
class Use:
    """What a node has used: processor seconds since it started, and the bytes of memory that it holds."""

    at: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of a cluster, and what it used while somebody looked."""

    name: str
    role: str
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """From then on so many pods were in each phase."""

    at: float
    phases: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster of the run.

    Attributes:
        how: ``cold``, ``copied``, ``warm`` (it was ready for whoever came), ``kept`` (it was there), ``failed`` (it did not boot).
        began: when its boot did, or when the run got it.
        ready: when it was handed over; none for one that did not boot.
        ended: when it went, or the run let go of it.
        phases: of its boot.
        kubernetes: what its API server says.
        image: the digest of its node image.
        pods: by phase over time.
        silent: the times in which its API did not answer, though somebody asked.
        picture: its boot as a picture (SVG), where there is one.
        logs: the folder of its machines' logs, relative to the page, if there is one.
    """

    name: str
    how: str
    began: float
    ready: float | None
    ended: float | None
    phases: tuple[Phase, ...] = ()
    kubernetes: str = ""
    image: str = ""
    nodes: tuple[Node, ...] = ()
    pods: tuple[Counts, ...] = ()
    silent: tuple[tuple[float, float], ...] = ()
    picture: str = ""
    logs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that is shown.

    Attributes:
        facts: what ran it: name -> version or the like, in the order in which they are shown.
        left_out: how many events there were beside these.
        links: files beside the page: what they are -> where, relative to it.
        problems: a line for each thing that could not be had.
    """

    began: float
    ended: float
    exit_code: int
    facts: Mapping[str, str]
    tests: tuple[Turn, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    events: tuple[Event, ...] = ()
    left_out: int = 0
    links: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

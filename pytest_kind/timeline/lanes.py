"""From what was recorded to the lanes of a timeline. Pure.

A node tells when its processes started by its kernel's clock. When it was asked, and when it had answered, is known by the
clock here: so the one is known by the other, however wrong either is. All nodes' kernel is the engine's; and no node
started before its engine was told to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pytest_kind.timeline.model import Boot, Lane, Mark, Span

RUN = "run"
SYSTEMD = "systemd"
_PROGRAMS = (
    "containerd",
    "kubelet",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "coredns",
    "local-path-provisioner",
)
# The kernel keeps 15 characters of a program's name.
_NAMES = {name[:15]: name for name in _PROGRAMS}
_TICKS = 100  # a second: USER_HZ of every architecture that nodes are for
_STARTS = "engine"  # the phase in which machines start
_APART = 0.05  # seconds that two readings of one kernel's clock may seem to differ
_HALF = 0.5  # the API says whole seconds, and never more than there were


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a node said.

    Attributes:
        node: its name.
        up: its kernel's clock before it listed them, in seconds.
        wall: its clock of the day then, in seconds since 1970.
        done: its kernel's clock after that.
        asked, answered: when that was, by this process' monotonic clock.
        started: its programs -> when the first process of each did, by its kernel's clock.
    """

    node: str
    up: float
    wall: float
    done: float
    asked: float
    answered: float
    started: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pod:
    """When a pod was given to a node and when it was ready, if it is, by the cluster's clock of the day."""

    name: str
    node: str
    scheduled: float
    ready: float | None


def parse(node: str, text: str, asked: float, answered: float) -> Reading | None:
    """What the script of ``nodes.py`` printed; nothing where that was something else."""
    started: dict[str, float] = {}
    try:
        first, *lines, last = text.splitlines()
        (up, wall), done = map(float, first.split()), float(last)
        for line in lines:
            number, ticks, kernels = line.split(" ", 2)
            name = SYSTEMD if number == "1" else _NAMES.get(kernels)
            if name is not None:
                started[name] = min(int(ticks) / _TICKS, started.get(name, done))
    except ValueError:
        return None
    found = Reading(node=node, up=up, wall=wall, done=done, asked=asked, answered=answered, started=started)
    return found if SYSTEMD in started else None


def pods_of(listed: Mapping[str, Any]) -> list[Pod]:
    """The pods of a list of the API that have a node, as far as it says when."""
    found = []
    for one in listed.get("items") or ():
        times = {
            condition["type"]: datetime.fromisoformat(condition["lastTransitionTime"]).timestamp()
            for condition in one.get("status", {}).get("conditions") or ()
            if condition.get("status") == "True" and condition.get("lastTransitionTime")
        }
        node = one["spec"].get("nodeName")
        if node and "PodScheduled" in times:
            found.append(Pod(one["metadata"]["name"], node, times["PodScheduled"], times.get("Ready")))
    return found


def booted(cluster: str, phases: Sequence[tuple[str, float]], begins: Sequence[float], readings: Sequence[Reading], pods: Sequence[Pod]) -> Boot:
    """A cluster that was made and came up."""
    began = min(begins)
    spans = tuple(Span(name, begin - began, seconds) for (name, seconds), begin in zip(phases, begins, strict=False))
    ready = max(one.end for one in spans)
    start = next((one for one in spans if one.name == _STARTS), Span(_STARTS, 0.0, ready))
    shifts = _shifts(readings, (began + start.start, began + start.end))
    nodes = (_lane(one, shift - began, pods, ready) for one, shift in zip(readings, shifts, strict=True))
    return Boot(cluster=cluster, ended=f"ready after {ready:.1f} s", began=began, ready=ready, lanes=(Lane(RUN, spans), *nodes))


def attached(cluster: str, phases: Sequence[tuple[str, float]], now: float) -> Boot:
    """A cluster that was there: its boot was another run's."""
    spans: list[Span] = []
    for name, seconds in phases:
        spans.append(Span(name, spans[-1].end if spans else 0.0, seconds))
    spent = sum(one.seconds for one in spans)
    return Boot(cluster=cluster, ended="was there", began=now - spent, ready=None, lanes=(Lane(RUN, tuple(spans)),))


def failed(cluster: str, readings: Sequence[Reading], now: float) -> Boot:
    """A cluster that did not come up: what its nodes, while they were there, said of their processes."""
    shifts = _shifts(readings, None)
    began = min([now, *(one.started[SYSTEMD] + shift for one, shift in zip(readings, shifts, strict=True))])
    nodes = tuple(_lane(one, shift - began, (), now - began) for one, shift in zip(readings, shifts, strict=True))
    return Boot(cluster=cluster, ended="did not boot", began=began, ready=None, lanes=nodes)


def _shifts(readings: Sequence[Reading], within: tuple[float, float] | None) -> list[float]:
    """For each reading what makes its kernel's time ours: the middle of what the readings allow.

    Args:
        within: when the first machine started, by our clock, as far as it is known.
    """
    found = []
    for one in readings:
        # Some runtimes show each container a clock of its own.
        alike = readings if _allowed(readings)[0] <= _allowed(readings)[1] + _APART else [one]
        shift = sum(_allowed(alike)) / 2
        if within is not None:
            first = min(other.started[SYSTEMD] for other in alike)
            shift = min(max(first + shift, within[0]), within[1]) - first
        found.append(shift)
    return found


def _allowed(readings: Sequence[Reading]) -> tuple[float, float]:
    """The least and the most that our clock can be ahead of the kernel's, if that is one."""
    return max(one.asked - one.up for one in readings), min(one.answered - one.done for one in readings)


def _lane(one: Reading, shift: float, pods: Iterable[Pod], end: float) -> Lane:
    marks = sorted((Mark(name, at + shift) for name, at in one.started.items()), key=lambda mark: mark.at)
    day = one.up - one.wall + shift
    spans = (_pod_span(pod, day, end) for pod in pods if pod.node == one.node)
    return Lane(one.node, tuple(span for span in spans if span is not None), tuple(marks))


def _pod_span(pod: Pod, day: float, end: float) -> Span | None:
    """From a node's word to a ready pod; nothing for one that the cluster was frozen with.

    Args:
        day: what makes of the clock of the day seconds since the boot began.
    """
    start = pod.scheduled + _HALF + day
    if start <= -_HALF:
        return None
    start, until = min(end, max(0.0, start)), end if pod.ready is None else min(end, pod.ready + _HALF + day)
    return Span(pod.name if pod.ready is not None else f"{pod.name} (not ready yet)", start, max(0.0, until - start))

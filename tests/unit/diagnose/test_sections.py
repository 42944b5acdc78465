"""The sections of a report: what each has, bounds, secrets, what could not be had."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pytest_kind.diagnose.scene import Line, LogOf, MachineSeen, Scene
from pytest_kind.diagnose.sections import sections, summary
from support.scenes import BEGAN, event, pod, recorded, scene

MOST = 60


def texts(one: Scene, most: int = MOST) -> dict[str, str]:
    return {part.title: part.text for part in sections(one, most)}


def test_a_cluster_that_is_well_says_so_and_no_more() -> None:
    found = texts(scene(objects={"pods": (pod(ready=True),)}))
    assert found == {
        "kind: why": "no known cause: the cluster is well: no warning among the events of this time, every pod and node is ready\n"
        "(cluster c, namespace mine; 10.0 s since the test's setup began)"
    }


def test_what_is_not_known_points_to_what_is_there() -> None:
    found = texts(scene(objects={"pods": (pod(phase="Pending"),), "events": (event("Strange", "no"),)}))
    assert found["kind: why"].startswith("no known cause: 1 warnings among the events, 1 pods that are not ready: see below\n")
    assert list(found) == ["kind: why", "kind: events", "kind: pods"]


def test_hints_are_numbered_and_what_could_not_be_had_is_said() -> None:
    found = texts(scene(error="etcdserver: request timed out", missing=("c-worker: no answer within 5 s",)))["kind: why"].splitlines()
    assert found[0] == "1. etcd does not keep up: request timed out"
    assert found[1:3] == ["   seen: the test's error: etcdserver: request timed out", found[2]]
    assert found[2].startswith("   remedy: ")
    assert found[-1] == "not to be had: c-worker: no answer within 5 s"


def test_the_summary_is_the_first_cause() -> None:
    assert summary(sections(scene(error="etcdserver: request timed out"), MOST)[0]) == "etcd does not keep up: request timed out"


def test_events_are_a_timeline_of_the_tests_own_time() -> None:
    events = (
        event("Late", "a", second=7, type="Normal"),
        event("Early", "b", second=2, count=4),
        event("Other", "c", second=3, namespace="kube-system", name="dns"),
        event("Older", "d", lastTimestamp="2026-11-28T15:59:59Z"),
        event("Serial", "e", lastTimestamp=None, series={"count": 9, "lastObservedTime": "2026-11-28T16:00:09.500000Z"}, type="Normal"),
    )
    assert texts(scene(objects={"events": events}, foreign=3))["kind: events"].splitlines() == [
        "!   +2.0 s x4  Early  Pod web  b",
        "    +7.0 s     Late  Pod web  a",
        "    +9.5 s x9  Serial  Pod web  e",
        "elsewhere:",
        "!   +3.0 s     Other  Pod kube-system/dns  c",
        "(3 of other tests' namespaces are left out)",
    ]


def test_where_there_are_too_many_events_warnings_stay() -> None:
    normal = [event("Normal", str(number), second=number % 50, type="Normal") for number in range(100)]
    found = texts(scene(objects={"events": (*normal, event("Bad", "w", second=1))}), 13)["kind: events"].splitlines()
    assert len(found) == 11
    assert found[0] == "!   +1.0 s     Bad  Pod web  w"
    assert found[-1] == "(91 more, the older and the normal ones)"


def test_pods_that_are_not_ready_with_their_logs() -> None:
    state: dict[str, Any] = {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 143, "reason": "Error", "finishedAt": "2026-11-28T16:00:08Z"}},
        "restartCount": 2,
    }
    log = LogOf(namespace="mine", pod="web", container="main", previous=True, text="one\n\ntwo\n")
    well, done = pod("well", ready=True), pod("done", phase="Succeeded")
    leaving = pod("leaving", "kube-system")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-28T16:00:01Z"
    assert texts(scene(objects={"pods": (well, done, leaving, pod(**state))}, logs=(log,)))["kind: pods"].splitlines() == [
        "mine/web on c-control-plane: Running",
        "  ContainersNotReady",
        "  container main (web:1): waiting, CrashLoopBackOff: back-off",
        "    restarted 2 times, the last one ended 2.0 s ago: Error, exit code 143 (SIGTERM: it was asked to end)",
        "    last lines of the one before:",
        "      | one",
        "      | two",
    ]


def test_a_pod_that_restarted_in_this_time_is_told_of_though_it_is_ready_again() -> None:
    before = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-28T16:00:08Z"}}
    assert "kind: pods" in texts(scene(objects={"pods": (pod(ready=True, lastState=before),)}))
    before["terminated"]["finishedAt"] = "2026-11-28T15:00:08Z"
    assert "kind: pods" not in texts(scene(objects={"pods": (pod(ready=True, lastState=before),)}))


def line(second: float, text: str, unit: str = "kubelet") -> Line:
    return Line(at=BEGAN + timedelta(seconds=second), unit=unit, text=text)


def test_nodes_say_what_is_wrong_and_each_kind_of_line_once() -> None:
    journal = (line(-1, "E before"), line(1, "E pod 1 failed"), line(2, "E pod 22 failed"), line(3, "level=error msg=x", "containerd"))
    machines = (
        MachineSeen(name="c-control-plane", role="control-plane", journal=journal, facts={"disk": "/var has 3 MB left", "inotify": "max = 128"}),
        MachineSeen(name="c-worker", role="worker", state="exited", console="the last\nwords\n"),
        MachineSeen(name="c-worker2", role="worker"),
    )
    condition = {"type": "MemoryPressure", "status": "True", "reason": "R", "message": "m"}
    node = {
        "metadata": {"name": "c-control-plane"},
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {"conditions": [condition]},
    }
    assert texts(scene(machines=machines, objects={"nodes": (node,)}))["kind: nodes"].splitlines() == [
        "c-control-plane (control-plane)",
        "  MemoryPressure is True: R: m",
        "  tainted: k=:NoSchedule",
        "  disk: /var has 3 MB left",
        "      +2.0 s x2  kubelet: E pod 22 failed",
        "      +3.0 s     containerd: level=error msg=x",
        "c-worker (worker)",
        "  its container is exited",
        "  its console ended with",
        "    | the last",
        "    | words",
    ]


def test_objects_that_wait() -> None:
    objects = {
        "persistentvolumeclaims": (
            {"metadata": {"name": "d", "namespace": "mine"}, "spec": {"storageClassName": "s"}, "status": {"phase": "Pending"}},
        ),
        "services": ({"metadata": {"name": "s", "namespace": "mine"}, "spec": {"selector": {"a": "b"}}},),
        "resourcequotas": (
            {"metadata": {"name": "q", "namespace": "mine"}, "status": {"hard": {"pods": "1", "cpu": "2"}, "used": {"pods": "1", "cpu": "1"}}},
        ),
        "validatingwebhookconfigurations": (
            {
                "metadata": {"name": "w"},
                "webhooks": [
                    {"name": "a.b", "clientConfig": {"service": {"namespace": "mine", "name": "s"}}},
                    {"name": "c.d", "clientConfig": {"service": {"namespace": "mine", "name": "t"}}, "failurePolicy": "Ignore"},
                    {"name": "e.f", "clientConfig": {"url": "https://a"}},
                ],
            },
        ),
        "namespaces": (
            {"metadata": {"name": "old"}, "status": {"phase": "Terminating", "conditions": [{"status": "True", "message": "finalizers"}]}},
        ),
    }
    assert texts(scene(objects=objects))["kind: objects that wait"].splitlines() == [
        "PersistentVolumeClaim mine/d has no volume (class s)",
        "Service mine/s has no endpoint: no pod has its labels (a=b)",
        "ValidatingWebhookConfiguration w, a.b: its Service mine/s has no endpoint (failurePolicy Fail)",
        "ValidatingWebhookConfiguration w, c.d: its Service mine/t is not there (failurePolicy Ignore)",
        "ResourceQuota mine/q is used up: pods 1 of 1",
        "Namespace old does not go: finalizers",
    ]


def test_sections_and_lines_are_bounded() -> None:
    log = LogOf(namespace="mine", pod="web", container="main", previous=False, text="\n".join(["x" * 2000] * 500))
    pods = tuple(pod(f"p{number}", phase="Pending") for number in range(300))
    found = texts(scene(objects={"pods": (pod(state={"running": {}}), *pods)}, logs=(log,)), 20)["kind: pods"].splitlines()
    assert len(found) == 20
    assert max(map(len, found)) <= 501
    assert found[-1].startswith("… ")
    assert found[-1].endswith(" more lines")


def test_no_secret_gets_into_a_report() -> None:
    secret = "token=hunter2hunter2"  # noqa: S105 - nobody's
    journal = (line(1, secret),)
    one = scene(
        error=f'admission webhook "a.b" denied the request: {secret}',
        objects={"pods": (pod(state={"waiting": {"reason": "X", "message": secret}}),), "events": (event("A", secret),)},
        logs=(LogOf(namespace="mine", pod="web", container="main", previous=False, text=secret),),
        machines=(MachineSeen(name="c-control-plane", role="control-plane", journal=journal, state="exited", console=secret),),
        missing=(secret,),
    )
    found = texts(one)
    assert list(found) == ["kind: why", "kind: events", "kind: pods", "kind: nodes"]
    assert [title for title, text in found.items() if "hunter2" in text or "[removed]" not in text] == []


def test_a_recorded_scene_reads_well() -> None:
    found = texts(recorded("crash_loop"))
    assert "the port is not set" in found["kind: pods"]
    assert "BackOff  Pod web  Back-off restarting failed container" in found["kind: events"]

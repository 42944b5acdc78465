"""Runs to be shown: small ones with everything in them, and one as large as all of upstream's specs."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind.html_report.model import Cluster, Counts, Event, Node, Phase, Run, Section, Turn, Use

BEGAN = 1_795_880_347.0  # 28 November 2026
NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e&amp;</script>"
_SIGS = ("apps", "network", "node", "storage", "api-machinery", "auth", "cli", "scheduling", "instrumentation", "windows")


def run_of_everything() -> Run:
    """Every outcome, two clusters and one that did not boot, two nodes, events, nasty texts."""
    return Run(
        began=BEGAN,
        ended=BEGAN + 96.4,
        exit_code=1,
        facts={
            "engine": "Docker 26.1.5, 2 processors, 23.5 GiB, cgroup v1",
            "Python": "3.11.2",
            "plugin": "0.1.0",
            "pytest": "9.1.0",
            "xdist": "3.8.0",
        },
        tests=tuple(_tests()),
        clusters=(*_clusters(), Cluster(name="kind-broken", how="failed", began=BEGAN + 60, ready=None, ended=BEGAN + 71)),
        events=tuple(_events()),
        left_out=12,
        links={"summary.md": "../artifacts/summary.md", "junit.xml": "../artifacts/junit.xml"},
        problems=("cluster kind-broken: its pods: connection refused (GET https://127.0.0.1:40443/api/v1/pods)",),
    )


def _phases(start: float, seconds: float) -> tuple[Phase, ...]:
    return (Phase("setup", start, 0.2), Phase("call", start + 0.2, seconds - 0.3), Phase("teardown", start + seconds - 0.1, 0.1))


def _tests() -> Iterator[Turn]:
    outcomes = {3: "failed", 9: "skipped", 14: "xfailed", 20: "error", 25: "xpassed", 26: "rerun", 27: "failed", 33: "failed"}
    traceback = "    def test_rollout(kind_cluster):\n>       assert ready == 3\nE       assert 1 == 3\n\ntests/test_web.py:14: AssertionError"
    ends = [BEGAN + 9.0, BEGAN + 9.4]
    for number in range(36):
        lane = number % 2
        outcome, seconds = outcomes.get(number, "passed"), 0.6 + (number * 7 % 11) * 0.62
        file, test = ("web", "storage", "operator")[number % 3], ("rolls_out", "comes_back", "is_deleted", "scales")[number % 4]
        name = f"tests/test_{file}.py::test_{test}[{number}]"
        reasons = {"passed": "", "skipped": "no GPU here", "xfailed": "an old bug", "rerun": "it was not there yet", "xpassed": ""}
        bad = outcome in {"failed", "error"}
        yield Turn(
            id=name if number != 27 else f"tests/test_nasty.py::{NASTY}",
            outcome=outcome,
            phases=_phases(ends[lane], seconds),
            lane=f"gw{lane}",
            cluster=("kind-brave-otter", "kind-calm-heron")[lane],
            namespace=f"test-rolls-out-{number:05}" if number % 3 else "",
            reason=(NASTY if number == 27 else "AssertionError: assert 1 == 3") if bad else reasons[outcome],
            sections=(Section("failure", traceback), Section("Captured stdout call", "waiting for three\none is there\n" * 6)) if bad else (),
        )
        ends[lane] += seconds + 0.1


def _clusters() -> Iterator[Cluster]:
    boot = {"fill": 0.0, "engine": 0.2, "keys": 0.3, "API": 1.9, "node": 0.4, "DNS": 1.1}
    for number, name in enumerate(("kind-brave-otter", "kind-calm-heron")):
        began, phases = BEGAN + 1.5 + number * 2, []
        at = began
        for phase, seconds in boot.items():
            phases.append(Phase(phase, at, seconds))
            at += seconds
        yield Cluster(
            name=name,
            how=("copied", "cold")[number],
            began=began,
            ready=at,
            ended=BEGAN + 95,
            phases=tuple(phases),
            kubernetes="v1.37.1",
            image="sha256:0f3c9a4be27d6a1f",
            nodes=(
                Node(name=f"{name}-control-plane", role="control-plane", uses=tuple(_uses(at, number))),
                Node(name=f"{name}-worker", role="worker", uses=tuple(_uses(at, number + 2))),
            ),
            pods=tuple(_pods(at)),
            silent=((BEGAN + 50, BEGAN + 55),) if number else (),
            logs=f"../artifacts/logs/{name}/",
        )


def _uses(start: float, seed: int) -> Iterator[Use]:
    cpu = 3.0
    for tick in range(44):
        if (seed, tick) == (1, 24):
            cpu = 0.0  # it was started anew
        cpu += 2 * (0.15 + ((tick * 13 + seed * 7) % 17) / 17 * (1.1 if seed < 2 else 0.4))
        yield Use(start + 2 * tick, cpu, int((430 + 4 * tick + 20 * ((tick + seed) % 5)) * (1 << 20) / (1 if seed < 2 else 2)))


def _pods(start: float) -> Iterator[Counts]:
    for tick in range(40):
        yield Counts(start + 2.1 * tick, {"Running": 4 + tick * 5 % 7, "Pending": tick * 3 % 4, "Succeeded": tick // 12})


def _events() -> Iterator[Event]:
    for number in range(240):
        warning = number % 23 == 0
        yield Event(
            at=BEGAN + 8 + number * 0.35,
            cluster=("kind-brave-otter", "kind-calm-heron")[number % 2],
            type="Warning" if warning else "Normal",
            reason="FailedScheduling" if warning else ("Scheduled", "Pulled", "Created", "Started")[number % 4],
            regarding=f"Pod test-rolls-out-{number // 7:05}/web-{number % 5}",
            namespace=f"test-rolls-out-{number // 7:05}",
            message=f"0/2 nodes are available: {NASTY}" if warning else 'Container image "registry.k8s.io/pause:3.10" already present on machine',
            count=3 if warning else 1,
            source="default-scheduler" if warning else "kubelet",
        )


def large_run(specs: int = 3206) -> Run:
    """As many tests as upstream has specs, a few hours on four processes of the suite, 8,000 events."""
    tests, ends = [], [BEGAN + 20.0] * 4
    for number in range(specs):
        lane = min(range(4), key=lambda one: ends[one])
        sig = _SIGS[number * 7 % len(_SIGS)]
        outcome = "failed" if number % 131 == 7 else "skipped" if number % 3 == 0 else "passed"
        seconds = 0.2 if outcome == "skipped" else 4 + number * 37 % 41
        about = f"[sig-{sig}] Things under load should do number {number} as is said when a node is drained and comes back [Conformance]"
        tests.append(
            Turn(
                id=f"test/e2e/{sig}/thing_{number % 60}.go::{about}",
                outcome=outcome,
                phases=(Phase("call", ends[lane], seconds),),
                lane=f"specs {lane + 1}",
                cluster="kind-brave-otter",
                labels=(f"sig-{sig}", "Conformance"),
                reason={"failed": f"timed out waiting for the condition {number % 5}", "skipped": "needs a cloud", "passed": ""}[outcome],
                sections=(
                    Section("failure", "at test/e2e/thing.go:12\n" * 12),
                    Section("output of the suite", "I0101 a line of the framework\n" * 2000),
                )
                if outcome == "failed"
                else (),
            )
        )
        ends[lane] += seconds + 0.1
    ended = max(ends)
    use = tuple(Use(BEGAN + 20 + tick * (ended - BEGAN - 20) / 2000, tick * 2.3 + tick % 7, (600 + tick % 90) << 20) for tick in range(2000))
    cluster = Cluster(
        name="kind-brave-otter", how="cold", began=BEGAN + 10, ready=BEGAN + 18.5, ended=ended, kubernetes="v1.37.1", image="sha256:0f3c9a4be27d6a1f",
        nodes=(Node(name="kind-brave-otter-control-plane", role="control-plane", uses=use),),
        pods=tuple(Counts(BEGAN + 20 + tick * 4.1, {"Running": 9 + tick % 13, "Pending": tick % 5}) for tick in range(2000)),
    )  # fmt: skip
    each = (ended - BEGAN - 20) / 8000
    events = tuple(
        Event(
            at=BEGAN + 20 + number * each,
            cluster="kind-brave-otter",
            type="Warning" if number % 40 == 0 else "Normal",
            reason="Pulled",
            regarding=f"Pod e2e-{number}/pod",
            namespace=f"e2e-{number}",
            message="Container image already present on machine",
            count=1,
            source="kubelet",
        )
        for number in range(8000)
    )
    return Run(
        began=BEGAN,
        ended=ended + 3,
        exit_code=1,
        facts={"engine": "Docker 26.1.5", "pytest": "9.1.0"},
        tests=tuple(tests),
        clusters=(cluster,),
        events=events,
    )

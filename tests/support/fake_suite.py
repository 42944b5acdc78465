"""A program that behaves as ginkgo's test binaries do where this plugin meets them: for hermetic tests.

What it "runs" is said in a plan beside it, ``<program>.json``: ``specs`` (name, labels, file, line, does, container), and what
its BeforeSuite and AfterSuite do. ``does`` is one of: pass, fail, skip, panic, hang (until it is interrupted), stuck (not even
then), crash, silent (goes on without a report), until:FILE (passes when the file is there).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SHEBANG = f"#!{sys.executable} -S\n"


def install(place: Path, specs: list[dict[str, Any]], **plan: Any) -> Path:
    """Puts the program and its plan at a place."""
    source = Path(__file__).read_text(encoding="utf-8")
    place.write_text(SHEBANG + source, encoding="utf-8")
    place.chmod(0o755)
    place.with_name(place.name + ".json").write_text(json.dumps({"specs": specs, **plan}), encoding="utf-8")
    return place


def spec(
    name: str,
    does: str = "pass",
    *,
    labels: tuple[str, ...] = (),
    file: str = "test/e2e/network/dns.go",
    line: int = 7,
    container: str = "",
    serial: bool = False,
) -> dict[str, Any]:
    """A row of a plan."""
    return {"name": name, "does": does, "labels": list(labels), "file": file, "line": line, "container": container, "serial": serial}


class Ginkgo:
    """One run of the program."""

    def __init__(self, argv: list[str]) -> None:
        self.flags = dict(argument.lstrip("-").partition("=")[::2] for argument in argv)
        self.plan = json.loads(Path(sys.argv[0] + ".json").read_text(encoding="utf-8"))
        self.specs = list(reversed(self.plan["specs"]))  # its order is not that of its files
        self.interrupted = False
        self.process = int(self.flags.get("ginkgo.parallel.process", "1"))

    def groups(self) -> list[list[dict[str, Any]]]:
        """Units of execution that processes share: a spec, or those of an ordered container."""
        found: list[list[dict[str, Any]]] = []
        for one in self.specs:
            if one["serial"]:
                continue
            if one["container"] and found and found[-1][0]["container"] == one["container"]:
                found[-1].append(one)
            else:
                found.append([one])
        return found

    def report(self, one: dict[str, Any], state: str, **more: Any) -> dict[str, Any]:
        """Ginkgo's report of a spec."""
        place = {"FileName": f"k8s.io/kubernetes@v1.37.1/{one['file']}", "LineNumber": one["line"]}
        return {
            "ContainerHierarchyTexts": [one["container"]] if one["container"] else None,
            "ContainerHierarchyLocations": [{"FileName": one["container"], "LineNumber": 1}] if one["container"] else None,
            "ContainerHierarchyLabels": [[]] if one["container"] else None,
            "LeafNodeType": "It",
            "LeafNodeLocation": place,
            "LeafNodeLabels": one["labels"],
            "LeafNodeText": one["name"],
            "State": state,
            "StartTime": "2026-01-02T03:04:05.123456789Z",
            "RunTime": 1_500_000_000,
            "ParallelProcess": self.process,
            **more,
        }

    def selected(self, one: dict[str, Any]) -> bool:
        """Whether the focus, skip and label filter of the command line leave it."""
        text = "Kubernetes e2e suite " + " ".join(part for part in (one["container"], one["name"]) if part)
        focus, skip, label = (self.flags.get(f"ginkgo.{name}") for name in ("focus", "skip", "label-filter"))
        fits = (focus is None or _found(focus, text)) and not (skip is not None and _found(skip, text))
        if label is not None and label.endswith("&&"):
            sys.exit(
                "Ginkgo detected configuration issues:\nSyntax Error Parsing Label Filter\n  a &&\n  Unexpected EOF.\n  Learn more at: http://ginkgo"
            )
        return fits and (label is None or label in one["labels"])

    def dry_run(self) -> None:
        """Lists."""
        if "told" in self.plan:
            with Path(self.plan["told"]).open("a", encoding="utf-8") as told:
                told.write("dry run\n")
        suite_nodes = [{**self.report(spec("", line=0), "passed"), "LeafNodeType": "SynchronizedBeforeSuite"}]
        reports = [self.report(one, "passed" if self.selected(one) else "skipped") for one in self.specs]
        Path(self.flags["ginkgo.json-report"]).write_text(json.dumps([{"SpecReports": suite_nodes + reports}]), encoding="utf-8")

    def call(self, what: str, body: object = None) -> Any:
        """Asks or tells the server; too early means again."""
        while True:
            data = None if body is None else json.dumps(body).encode()
            try:
                with urllib.request.urlopen(f"{self.flags['ginkgo.parallel.host']}/{what}", data=data, timeout=60) as answer:  # noqa: S310
                    content = answer.read()
                    return json.loads(content) if content else None
            except urllib.error.HTTPError as error:
                if error.code != 425:
                    raise
                time.sleep(0.05)

    def run(self) -> None:
        """Runs what the server says."""
        signal.signal(signal.SIGINT, self._on_interrupt)
        print(f'Starting e2e run "{os.getpid():08x}-aaaa" on Ginkgo node {self.process}', flush=True)  # noqa: T201
        self.call("up")
        self.call("suite-will-begin", {})
        chosen = any(self.selected(one) for one in self.specs)
        if self.process == 1 and chosen:
            state = self.plan.get("before", "passed")
            self._suite_node("SynchronizedBeforeSuite", state)
            if state == "exits":
                sys.exit(3)
            self.call("before-suite-completed", {"Data": None, "State": state})
        if chosen and self.call("before-suite-state")["State"] != "passed":
            sys.exit(1)
        groups = self.groups()
        while True:
            at_once = not self.interrupted  # an interrupt that comes with the answer is the first one's own
            if (index := self.call("counter")["Index"]) >= len(groups):
                break
            for number, one in enumerate(groups[index]):
                self._run_one(one, begun=at_once and number == 0)
        if self.process == 1:
            self.call("have-nonprimary-procs-finished")
            for one in [one for one in self.specs if one["serial"]]:
                self._run_one(one)
            self.call("aggregated-nonprimary-procs-report")
            self._suite_node("SynchronizedAfterSuite", self.plan.get("after", "passed"))
        self.call("suite-did-end", {})

    def _suite_node(self, kind: str, state: str) -> None:
        failure = {"Failure": {"Message": f"{kind} says no"}} if state != "passed" else {}
        self.call("did-run", {**self.report(spec("", line=1), "failed" if state != "passed" else "passed", **failure), "LeafNodeType": kind})

    def _run_one(self, one: dict[str, Any], *, begun: bool = False) -> None:
        does, _, file = one["does"].partition(":")
        if not self.selected(one) or (self.interrupted and not begun):
            self.call("did-run", self.report(one, "skipped"))
            return
        if does == "silent":
            return
        if does == "crash":
            print("fatal error: all goroutines are asleep", flush=True)  # noqa: T201
            os._exit(2)
        while (does in {"hang", "stuck"} and not (self.interrupted and does == "hang")) or (does == "until" and not Path(file).exists()):
            time.sleep(0.01)
        place = {
            "FileName": "/src/kubernetes/test/e2e/network/dns.go",
            "LineNumber": 99,
            "FullStackTrace": "pkg.f()\n\t/src/test/e2e/network/dns.go:99 +0x1",
        }
        failure: dict[str, Any] = {"Failure": {"Message": f"{does}: as planned", "Location": place}} if does in {"fail", "panic", "hang"} else {}
        if does == "hang":
            failure["Failure"]["ProgressReport"] = {"CurrentNodeType": "It", "CurrentStepText": "waiting for godot"}
        if does == "skip":
            failure = {"Failure": {"Message": "needs two nodes", "Location": place}}
        state = {"fail": "failed", "panic": "panicked", "hang": "interrupted", "skip": "skipped"}.get(does, "passed")
        self.call("did-run", self.report(one, state, CapturedGinkgoWriterOutput=f"running {one['name']}\n", **failure))

    def _on_interrupt(self, *_: object) -> None:
        self.interrupted = True


def _found(expression: str, text: str) -> bool:
    try:
        return re.search(expression, text) is not None
    except re.error as error:
        sys.exit(f"panic: regexp: Compile(`{expression}`): error parsing regexp: {error}")


def main() -> None:
    """As the binary does."""
    ginkgo = Ginkgo(sys.argv[1:])
    if "version" in ginkgo.flags:
        print(ginkgo.plan.get("version", "v1.37.1"))  # noqa: T201
    elif "list-images" in ginkgo.flags:
        print("registry.k8s.io/e2e-test-images/agnhost:2.66.1\ninvalid.registry.k8s.io/invalid/alpine:3.1")  # noqa: T201
    elif "ginkgo.dry-run" in ginkgo.flags:
        ginkgo.dry_run()
    else:
        ginkgo.run()


if __name__ == "__main__":
    main()

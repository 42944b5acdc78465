"""Upstream specs as items: the real binary, the real cluster. Specs that pull images are in the battery: they need stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pytest_kind import labels
from pytest_kind.e2e.listing import Selection, listed
from pytest_kind.e2e.suite import Suite
from pytest_kind.image.suite import suite_for
from pytest_kind.image.workshop import Workshop
from pytest_kind.lease.session import Session
from pytest_kind.options import resolve
from pytest_kind.progress import Progress
from pytest_kind.provision import docker_engine

# Specs that need no image but the node's own, of several files, one of them alone on its cluster.
FOCUS = r"ConfigMap should (update|fail to create|run through)|Discovery should validate|IngressClass API|Namespaces should patch"
EXPRESSIONS = [
    ["--focus=sig-storage"],
    ["--focus=\\[sig-network\\]", "--skip=\\[Slow\\]|Feature"],
    ["--skip=sig-storage|sig-node"],
    ["--label-filter=Conformance"],
    ["--label-filter=Conformance && !(Serial || Slow)"],
    ["--label-filter=/^Feature:S/ && sig-network"],
    ["--focus=DNS", "--label-filter=Conformance"],
    ["--focus=(?i)configmap.*volume"],
    ["--focus=^Kubernetes e2e suite \\[sig-apps\\]"],
    ["--focus=Pods|Services", "--skip=session affinity", "--label-filter=!Slow"],
    ["--focus=should provide DNS for (services|the cluster) \\[Conformance\\]$"],
]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def suite(pytestconfig: pytest.Config) -> Path:
    """The upstream binary of the default version, as a run of specs has it."""
    cache = resolve(pytestconfig).cache_dir
    session = Session.open(cache)
    provider = docker_engine.connect()
    try:
        workshop = Workshop(provider=provider, cache=cache, scratch=session.folder, labels=session.labels(lease=7200), progress=Progress())
        return suite_for(workshop).binary
    finally:
        provider.close()
        session.close()


@pytest.fixture
def run(tmp_path: Path, pytestconfig: pytest.Config) -> Run:
    """Runs pytest in an empty folder."""
    environment = {**os.environ, "PYTEST_KIND_CACHE_DIR": str(resolve(pytestconfig).cache_dir), "TMPDIR": str(tmp_path)}
    folder = tmp_path / "project"
    folder.mkdir()

    def start(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *argv]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600)

    return start


@pytest.mark.parametrize("expressions", EXPRESSIONS, ids=" ".join)
def test_the_same_specs_as_ginkgos_own_dry_run(suite: Path, tmp_path: Path, expressions: list[str]) -> None:
    words = {option: value for option, _, value in (expression.removeprefix("--").partition("=") for expression in expressions)}
    selection = Selection(focus=words.get("focus"), skip=words.get("skip"), labels=words.get("label-filter"))
    assert sorted(spec.name for spec in listed(Suite(suite), selection, tmp_path)) == ginkgos(suite, tmp_path, expressions)


def ginkgos(suite: Path, folder: Path, expressions: list[str]) -> list[str]:
    """What the binary itself would run."""
    report = folder / "report.json"
    theirs = [expression.replace("--", "--ginkgo.", 1) for expression in expressions]
    subprocess.run([suite, "--ginkgo.dry-run", *theirs, f"--ginkgo.json-report={report}"], check=True, capture_output=True, timeout=60)
    specs = [one for one in json.loads(report.read_text())[0]["SpecReports"] if one["LeafNodeType"] == "It" and one["State"] == "passed"]
    found = sorted(" ".join([*(one["ContainerHierarchyTexts"] or []), one["LeafNodeText"]]) for one in specs)
    assert found
    return found


def test_items_are_the_same_specs(suite: Path, run: Run, tmp_path: Path) -> None:
    said = run("--collect-only", "-q", "--kind-focus=sig-storage").stdout.splitlines()
    assert sorted(line.partition(".go::")[2] for line in said if ".go::" in line) == ginkgos(suite, tmp_path, ["--focus=sig-storage"])


def test_they_run_each_with_its_own_outcome(run: Run, tmp_path: Path) -> None:
    said = run(f"--kind-focus={FOCUS}", f"--kind-artifacts={tmp_path / 'out'}", "--kind-procs=3", "-v")
    assert said.returncode == 0, said.stdout + said.stderr
    cases = list(ET.parse(tmp_path / "out/junit.xml").iter("testcase"))  # noqa: S314 - ours
    names = {str(case.get("name")) for case in cases}
    assert {
        "[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]",
        "[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]",
        "[sig-api-machinery] Namespaces should patch a Namespace [Conformance] [Serial]",
    } <= names
    assert len(names) == len(cases) == said.stdout.count(" PASSED ")
    reports = json.loads((tmp_path / "out/specs/ginkgo.json").read_text())[0]["SpecReports"]
    ran = {
        " ".join([*(one["ContainerHierarchyTexts"] or []), one["LeafNodeText"]])
        for one in reports
        if one["LeafNodeType"] == "It" and one["State"] == "passed"
    }
    assert ran == names
    with_engine = docker_engine.connect()
    try:
        mine = [one.name for one in with_engine.containers({labels.CLUSTER: None}) if one.name in said.stdout]
    finally:
        with_engine.close()
    assert mine == []

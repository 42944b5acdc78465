"""Prepared failures on a real cluster: the report of each test alone names the cause."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_kind.options import resolve
from support import failing_tests

# Test -> the beginning of its first hint; what else its report has.
CAUSES = {
    "bad_image": (r"image localhost:1/nobody/nothing:1 cannot be had", ["ErrImagePull", "kind_cluster.load_image"]),
    "crash_loop": (r"container web of \S+/web ends .*with exit code 3", ["the port is not set", "CrashLoopBackOff"]),
    "failing_probe": (r"the readiness probe of \S+/web fails, so it gets no traffic", ["connection refused", "Unhealthy"]),
    "no_schedulable_node": (r"no node takes pod \S+/web: no node has the labels that it wants", ["node affinity/selector"]),
    "quota": (r"ResourceQuota tight is exceeded: pods=1 was asked for, pods=1 are used of pods=1", ["ResourceQuota \\S+/tight is used up"]),
    "webhook_refusing": (r"webhook strict\.example\.com refuses: no colour is given", []),
    "webhook_without_a_server": (r"webhook strict\.example\.com cannot be reached", ["connection refused"]),
    "out_of_memory": (r"container web of \S+/web was killed for memory: its limit is 16Mi", ["OOMKilled, exit code 137"]),
    "disk_full": (r"no space is left on a file system", ["No space left on device"]),
    "wrong_rights": (r"system:serviceaccount:\S+:default may not list secrets in namespace", ['resources: \\["secrets"\\], verbs: \\["list"\\]']),
    "claim_without_class": (r"no node takes pod \S+/web: its claim has no volume", ["there is no StorageClass quick"]),
    "no_config": (r"a pod waits for configmap settings, which is not there", ["CreateContainerConfigError"]),
    "dns_broken": (r"cluster DNS does not answer: no CoreDNS pod is ready", ["Scaled down replica set"]),
    "machine_gone": (r"machine \S+ \(control-plane\) does not run: its container is exited", ["the API does not answer"]),
}


@dataclass
class Ran:
    """A run of the failing tests."""

    output: str
    artifacts: Path

    def report(self, test: str) -> str:
        """What the terminal shows of one test."""
        return re.split(r"(?m)^_+ test_\w+ _+$|^=+ .* =+$", self.output.partition(f"_ test_{test} _")[2])[0]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Ran:
    folder = tmp_path_factory.mktemp("failing")
    shutil.copy(failing_tests.__file__, folder / "test_failing.py")
    cache = resolve(pytestconfig).cache_dir
    command = [sys.executable, "-m", "pytest", f"--kind-cache-dir={cache}", "-p", "no:cacheprovider", "-p", "no:randomly", "--kind-artifacts=out"]
    command.append("--kind-audit")
    environment = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert f"{len(CAUSES)} failed" in done.stdout, done.stdout + done.stderr
    return Ran(done.stdout, folder / "out")


@pytest.mark.parametrize("test", CAUSES)
def test_the_report_names_the_cause(ran: Ran, test: str) -> None:
    cause, others = CAUSES[test]
    report = ran.report(test)
    why = report.partition(" kind: why ")[2]
    assert re.match(rf"-+\n1\. {cause}", why), report
    assert [one for one in others if not re.search(one, why)] == []
    (folder,) = ran.artifacts.glob(f"tests/*-test_{test}")
    assert (folder / "why.txt").read_text(encoding="utf-8").splitlines()[0] in why


def test_junit_and_annotations_have_the_causes(ran: Ran) -> None:
    cases = ET.parse(ran.artifacts / "junit.xml").getroot().iter("testcase")  # noqa: S314 - pytest's own
    found = {case.attrib["name"].removeprefix("test_"): {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")} for case in cases}
    assert [test for test, (cause, _) in CAUSES.items() if not re.match(cause, found[test]["kind_why"])] == []
    assert Path(found["crash_loop"]["kind_artifacts"], "logs").is_dir()
    assert found["quota"]["kind_namespace"].startswith("test-quota-")
    assert re.search(r"(?m)^::error file=test_failing\.py,line=\d+,title=test_failing\.py%3A%3Atest_bad_image::image localhost:1", ran.output)


def test_a_test_sees_no_events_of_the_one_before(ran: Ran) -> None:
    events = (next(ran.artifacts.glob("tests/*-test_quota")) / "events.txt").read_text(encoding="utf-8")
    assert "Pod one" in events
    assert "Unhealthy" not in events
    assert "nodeSelector" not in events


def test_what_it_asked_of_the_api_is_told_and_nobody_elses(ran: Ran) -> None:
    asked = (next(ran.artifacts.glob("tests/*-test_quota")) / "audit.txt").read_text(encoding="utf-8")
    assert re.search(r"(?m)^! .* create pods test-quota-\S+, by \S+: 403 in .*exceeded quota", asked), asked
    assert not re.search(r"system:(node|kube|apiserver)|super-admin|kubeadm|test-(?!quota)|/api\b", asked), asked


def test_a_bad_image_is_said_once(ran: Ran) -> None:
    report = ran.report("bad_image").partition(" kind: why ")[2]
    assert report.count("failed to do request") == 1, report


UNKNOWN_FLAG = """
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer: {extraArgs: [{name: nonsense, value: "1"}]}
"""


def test_a_cluster_that_does_not_boot_names_its_cause(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(kind_cluster): pass\n", encoding="utf-8")
    (tmp_path / "kind.yaml").write_text(UNKNOWN_FLAG, encoding="utf-8")
    options = [f"--kind-cache-dir={resolve(pytestconfig).cache_dir}", "--kind-config=kind.yaml", "--kind-timeout=12", "-p", "no:cacheprovider"]
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    why = done.stdout.partition("--- probably\n")[2]
    assert re.match(r"1\. a program of the control plane or the kubelet does not start: unknown flag: --nonsense\n +seen: ", why), done.stdout

"""What users get wrong: exit code 4 before any test runs, each problem named, all of them at once."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_kind.config.types import ClusterConfig, kinds_name
from support.project import Project

USES = "def test_a(kind_cluster):\n    pass\n\ndef test_b():\n    pass\n"
NO_SUCH_FIELD = f"no such field; accepted: {', '.join(sorted(kinds_name(field.name) for field in dataclasses.fields(ClusterConfig)))}"
RELEASE = "the form v1.37.1, from v1.31.0 on"
ACCEPTED = "the path of a file, a mapping or a ClusterConfig"


def errors_of(project: Project, *args: str) -> str:
    """What is said of a run that must not begin."""
    result = project.run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.parseoutcomes() == {}
    assert project.engine.calls == []
    said = result.stderr.str()
    assert "Traceback" not in said + result.stdout.str()
    assert said.startswith("ERROR: ")
    return said.removeprefix("ERROR: ").rstrip()


def test_every_bad_value_of_every_place_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.tests(USES)
    monkeypatch.setenv("PYTEST_KIND_KEEP", "maybe")
    monkeypatch.setenv("PYTEST_KIND_IMAGE", " ")
    project.pytester.makeini("[pytest]\nkind_lease = 5\nkind_keep_namespace = always\n")
    assert errors_of(project, "--kind-timeout=soon").splitlines() == [
        "PYTEST_KIND_IMAGE: ' ' is not accepted; accepted is a value that is not empty",
        "PYTEST_KIND_KEEP: 'maybe' is not accepted; accepted is one of 0, 1, false, no, off, on, true, yes",
        "kind_keep_namespace: 'always' is not accepted; accepted is one of never, failed",
        "kind_lease: '5' is not accepted; accepted is a whole number of seconds from 10 to 86400",
        "--kind-timeout: 'soon' is not accepted; accepted is a number of seconds from 5 to 3600",
    ]


@pytest.mark.parametrize(
    ("flag", "accepted"),
    [
        ("--kind-cache-dir=", "a value that is not empty"),
        ("--kind-config=", "a value that is not empty"),
        ("--kind-image=", "a value that is not empty"),
        ("--kind-name=", "a value that is not empty"),
        ("--kind-network=", "a value that is not empty"),
        ("--kind-version=", "a value that is not empty"),
        ("--kind-version=1.37", RELEASE),
        ("--kind-version=1.37.1", RELEASE),
        ("--kind-version=latest", RELEASE),
        ("--kind-version=v1.37", RELEASE),
        ("--kind-version=v1.30.9", RELEASE),
        ("--kind-version=v1.37.1-dirty", RELEASE),
        ("--kind-keep-namespace=x", "one of never, failed"),
        ("--kind-lease=9", "a whole number of seconds from 10 to 86400"),
        ("--kind-lease=86401", "a whole number of seconds from 10 to 86400"),
        ("--kind-lease=10.5", "a whole number of seconds from 10 to 86400"),
        ("--kind-timeout=4.9", "a number of seconds from 5 to 3600"),
        ("--kind-timeout=nan", "a number of seconds from 5 to 3600"),
        ("--kind-timeout=inf", "a number of seconds from 5 to 3600"),
    ],
)
def test_a_value_that_is_not_accepted(project: Project, flag: str, accepted: str) -> None:
    project.tests(USES)
    name, _, value = flag.partition("=")
    assert errors_of(project, flag) == f"{name}: {value!r} is not accepted; accepted is {accepted}"


@pytest.mark.parametrize("flag", ["--kind-lease=10", "--kind-lease=86400", "--kind-timeout=5", "--kind-timeout=3600"])
def test_a_value_at_the_edge_is_accepted(project: Project, flag: str) -> None:
    project.tests(USES)
    project.run(flag).assert_outcomes(passed=2)


@pytest.mark.parametrize("place", ["PYTEST_KIND_VERSION", "kind_version"])
def test_a_version_that_is_none_of_other_places(project: Project, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    project.tests(USES)
    if place.isupper():
        monkeypatch.setenv(place, "stable")
    else:
        project.pytester.makeini(f"[pytest]\n{place} = stable\n")
    assert errors_of(project) == f"{place}: 'stable' is not accepted; accepted is {RELEASE}"


def test_a_name_that_is_none(project: Project) -> None:
    project.tests(USES)
    assert errors_of(project, "--kind-name=Mine") == (
        "--kind-name: 'Mine' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last"
    )


def test_a_configuration_with_all_its_problems(project: Project) -> None:
    project.tests(USES)
    project.pytester.makefile(".yaml", kind="kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: Mine\nnetworking: {apiServerPort: -2}\n")
    assert errors_of(project, "--kind-config=kind.yaml").splitlines() == [
        f"{project.pytester.path}/kind.yaml: 2 problems",
        "  - name: 'Mine' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
        "  - networking.apiServerPort: must be from 0 (the engine chooses) to 65535, found -2",
    ]


def test_a_configuration_that_is_not_there(project: Project) -> None:
    project.tests(USES)
    assert "none.yaml: 1 problem\n  - cannot be read: [Errno 2] No such file or directory" in errors_of(project, "--kind-config=none.yaml")


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("name='x'", "@pytest.mark.kind of test_it.py::test_a: no such argument: name"),
        (
            "keep=True, color=1",
            "@pytest.mark.kind of test_it.py::test_a: no such argument: color\n@pytest.mark.kind of test_it.py::test_a: no such argument: keep",
        ),
        ("{}, {}", "@pytest.mark.kind of test_it.py::test_a: takes one positional argument (config), found 2"),
        (
            "timeout='soon'",
            "@pytest.mark.kind(timeout=…) of test_it.py::test_a: 'soon' is not accepted; accepted is a number of seconds from 5 to 3600",
        ),
        ("image=7", "@pytest.mark.kind(image=…) of test_it.py::test_a: 7 is not accepted; accepted is a value that is not empty"),
        ("{'color': 1}", f"@pytest.mark.kind(config=…) of test_it.py::test_a: 1 problem\n  - color: {NO_SUCH_FIELD}"),
        ("7", f"@pytest.mark.kind(config=…) of test_it.py::test_a: 7 is not accepted; accepted is {ACCEPTED}"),
    ],
)
def test_a_marker_that_says_something_else(project: Project, marker: str, problem: str) -> None:
    project.tests(f"@pytest.mark.kind({marker})\n{USES}")
    assert errors_of(project) == problem


def test_problems_of_several_tests_come_at_once_and_each_once(project: Project) -> None:
    project.tests(
        "@pytest.mark.kind(color=1)\ndef test_a(kind_cluster): pass\n"
        "@pytest.mark.kind(color=1)\ndef test_b(kind_cluster): pass\n"
        "def test_c(kind_cluster): pass\ndef test_d(kind_cluster): pass\n"
    )
    assert errors_of(project, "--kind-name=Mine").splitlines() == [
        "@pytest.mark.kind of test_it.py::test_a: no such argument: color",
        "@pytest.mark.kind of test_it.py::test_b: no such argument: color",
        "--kind-name: 'Mine' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
    ]


@pytest.mark.parametrize(
    ("answer", "problem"), [("{'color': 1}", f"1 problem\n  - color: {NO_SUCH_FIELD}"), ("7", f"7 is not accepted; accepted is {ACCEPTED}")]
)
def test_a_hooks_configuration_that_is_none(project: Project, answer: str, problem: str) -> None:
    project.tests(USES)
    project.conftest(f"def pytest_kind_cluster_config():\n    return {answer}\n")
    assert errors_of(project) == f"pytest_kind_cluster_config ({project.pytester.path}/conftest.py:3): {problem}"


def test_a_project_that_uses_no_cluster_is_not_stopped(project: Project) -> None:
    project.tests("def test_a():\n    pass\n")
    project.run("--kind-timeout=soon").assert_outcomes(passed=1)


def test_with_workers_it_is_an_error_of_the_collection(project: Project) -> None:
    project.tests(USES)
    result = project.run_apart("-n1", "--kind-timeout=soon")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*--kind-timeout: 'soon' is not accepted; accepted is a number of seconds from 5 to 3600*"])
    assert "INTERNALERROR" not in result.stdout.str()
    assert project.lives == []

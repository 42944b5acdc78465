"""Which specs there are, from the binary's own dry run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.e2e.listing import Selection, in_tree, listed
from pytest_kind.e2e.suite import Suite
from pytest_kind.errors import UsageError
from support.fake_suite import install, spec

SPECS = [
    spec("[sig-network] DNS should answer [Conformance]", labels=("sig-network", "Conformance"), line=30),
    spec("[sig-network] DNS should be quick", labels=("sig-network",), line=10),
    spec("[sig-storage] volumes keep [Serial]", labels=("sig-storage", "Serial"), file="test/e2e/storage/volumes.go"),
    spec("first", container="[sig-apps] in order", file="test/e2e/apps/order.go", line=1),
    spec("second", container="[sig-apps] in order", file="test/e2e/apps/order.go", line=2),
]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(install(tmp_path / "e2e.test", SPECS, told=str(tmp_path / "told")), folder=tmp_path)


def names(suite: Suite, cache: Path, **selection: str) -> list[str]:
    return [one.name for one in listed(suite, Selection(**selection), cache)]


def test_what_is_known_of_a_spec(suite: Suite, tmp_path: Path) -> None:
    quick, answer = listed(suite, Selection(focus="sig-network"), tmp_path)
    assert (quick.file, quick.line, quick.labels, quick.alone) == ("test/e2e/network/dns.go", 10, ("sig-network",), False)
    assert answer.name == "[sig-network] DNS should answer [Conformance]"
    (volumes,) = listed(suite, Selection(focus="volumes"), tmp_path)
    assert volumes.alone


def test_focus_skip_and_labels_are_the_binarys(suite: Suite, tmp_path: Path) -> None:
    assert names(suite, tmp_path, focus="suite .sig-storage") == ["[sig-storage] volumes keep [Serial]"]
    assert names(suite, tmp_path, focus="DNS", skip="Conf") == ["[sig-network] DNS should be quick"]
    assert names(suite, tmp_path, labels="Conformance") == ["[sig-network] DNS should answer [Conformance]"]


def test_a_listing_is_kept(suite: Suite, tmp_path: Path) -> None:
    first = listed(suite, Selection(focus="DNS"), tmp_path)
    again = listed(Suite(suite.binary, folder=tmp_path), Selection(focus="DNS"), tmp_path)
    assert first == again
    assert (tmp_path / "told").read_text() == "dry run\n"
    assert [file.suffix for file in (tmp_path / "listings").iterdir()] == [".json"]
    suite.binary.write_text(suite.binary.read_text() + "# changed\n")
    listed(Suite(suite.binary, folder=tmp_path), Selection(focus="DNS"), tmp_path)
    assert (tmp_path / "told").read_text() == "dry run\n" * 2


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"focus": "sig-storge"}, "--kind-focus 'sig-storge': no spec of the suite matches; near it: sig-storage, [sig-storage]"),
        ({"labels": "conformance"}, "--kind-label-filter 'conformance': no spec of the suite matches; near it: Conformance"),
        ({"focus": "("}, "--kind-focus: `(` is no regular expression (of Go's): missing ), unterminated subpattern at position 0"),
        ({"focus": "DNS", "skip": "["}, "--kind-skip: `["),
        ({"labels": "a &&"}, "--kind-label-filter: 'a &&' is no label filter (of ginkgo's): a && Unexpected EOF."),
    ],
)
def test_bad_expressions(suite: Suite, tmp_path: Path, selection: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        listed(suite, Selection(**selection), tmp_path)
    assert str(caught.value).startswith(message)
    assert not any((tmp_path / "listings").glob("*.json")) or "no spec" in message


def test_a_binary_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    with pytest.raises(UsageError, match=r"--kind-suite: .*text cannot be run: .*Permission denied"):
        listed(Suite(tmp_path / "text", folder=tmp_path), Selection(focus="."), tmp_path)


def test_questions(suite: Suite) -> None:
    assert suite.version == "v1.37.1"
    assert suite.images == ("invalid.registry.k8s.io/invalid/alpine:3.1", "registry.k8s.io/e2e-test-images/agnhost:2.66.1")


def test_a_suite_that_does_not_know_its_images(tmp_path: Path) -> None:
    program = tmp_path / "e2e.test"
    program.write_text("#!/bin/sh\necho 'flag provided but not defined: -list-images' >&2\nexit 2\n")
    program.chmod(0o755)
    assert Suite(program, folder=tmp_path).images == ()


def test_image_names_are_in_full_and_each_once(tmp_path: Path) -> None:
    program = tmp_path / "e2e.test"
    program.write_text("#!/bin/sh\nprintf 'busybox:1\\nb.example/x:2\\nbusybox:1\\n'\n")
    program.chmod(0o755)
    assert Suite(program, folder=tmp_path).images == ("b.example/x:2", "docker.io/library/busybox:1")


def test_a_binary_that_refuses_says_why(tmp_path: Path) -> None:
    program = tmp_path / "e2e.test"
    program.write_text("#!/bin/sh\necho 'flag provided but not defined: -frob' >&2\nexit 2\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=r"(?s)refuses `--ginkgo.dry-run .*flag provided but not defined: -frob"):
        listed(Suite(program, ("-frob",), tmp_path), Selection(focus="."), tmp_path)


@pytest.mark.parametrize(
    ("compiled", "inside"),
    [
        ("k8s.io/kubernetes@v1.37.1/test/e2e/network/dns.go", "test/e2e/network/dns.go"),
        ("/src/kubernetes/test/e2e/network/dns.go", "test/e2e/network/dns.go"),
        ("test/e2e/network/dns.go", "test/e2e/network/dns.go"),
        ("github.com/me/driver/e2e/driver_test.go", "github.com/me/driver/e2e/driver_test.go"),
    ],
)
def test_where_a_file_is_in_its_project(compiled: str, inside: str) -> None:
    assert in_tree(compiled) == inside

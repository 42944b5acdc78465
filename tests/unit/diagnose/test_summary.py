"""The page and the document that say what a run did."""

from __future__ import annotations

import json

import pytest

from pytest_kind.diagnose.summary import Cluster, Failure, Summary, first_lines


def cluster(name: str = "c", *, booted: bool = True) -> Cluster:
    return Cluster(name=name, kubernetes="v1.37.1" if booted else "", image="0a1b" if booted else "", logs=f"logs/{name}", booted=booted)


def test_nothing_ran() -> None:
    summary = Summary(exit_code=5)
    assert summary.as_markdown().startswith("# no test ran\n\nExit code 5, 0.0 s in all.\n")
    assert "| building | 0.0 | - |" in summary.as_markdown()
    assert json.loads(summary.as_json())["clusters"] == []


def test_what_is_built_and_booted_is_told_from_the_rest() -> None:
    steps = [("building containerd", 10.0), ("assembling node image x", 20.0), ("creating cluster c", 8.0), ("loading app:dev", 5.0)]
    summary = Summary(steps=steps, total=100.0)
    assert summary.seconds == {"building": 30.0, "booting": 8.0, "testing": 62.0, "total": 100.0}
    assert "| building | 30.0 | 30 % |\n| booting | 8.0 | 8 % |\n| testing | 62.0 | 62 % |" in summary.as_markdown()


def test_workers_work_side_by_side() -> None:
    summary = Summary(beside=[[("building x", 30.0)], [("waiting for another process that builds x", 29.0), ("creating cluster c", 9.0)]], total=50.0)
    assert summary.seconds == {"building": 30.0, "booting": 9.0, "testing": 11.0, "total": 50.0}


def test_clusters_and_one_that_did_not_boot() -> None:
    text = Summary(engine="Docker 29", clusters=[cluster("a"), cluster("b", booted=False)]).as_markdown()
    assert "Engine: Docker 29\n" in text
    assert "| a | v1.37.1 | `0a1b` | logs/a |\n| b (did not boot) | not known | `not known` | logs/b |" in text


def test_failures_are_quoted_whatever_is_in_them() -> None:
    text = Summary(failures=[Failure("test_it.py::test_a", "call", "one\n```\ntwo")], outcomes={"failed": 1, "passed": 2}).as_markdown()
    assert text.startswith("# 1 failed, 2 passed\n")
    assert "- `test_it.py::test_a` (call)\n\n  ````\n  one\n  ```\n  two\n  ````\n" in text


def test_the_page_ends_somewhere_and_the_document_has_all() -> None:
    summary = Summary(failures=[Failure(f"test_{number}", "call", "m") for number in range(103)])
    assert "… and 3 more: summary.json has all." in summary.as_markdown()
    assert "`test_99`" in summary.as_markdown()
    assert "`test_100`" not in summary.as_markdown()
    assert len(json.loads(summary.as_json())["failed"]) == 103


def test_the_slowest_ten() -> None:
    summary = Summary(tests={f"test[{number}|x]": float(number) for number in range(12)})
    assert [test for test, _ in summary.slowest] == [f"test[{number}|x]" for number in range(11, 1, -1)]
    assert "| `test[11\\|x]` | 11.0 |" in summary.as_markdown()


def test_what_could_not_be_had() -> None:
    assert "## Not to be had\n\n- logs/c: no space left\n" in Summary(problems=["logs/c: no\nspace left"]).as_markdown()


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("one\ntwo\n", "one\ntwo"),
        ("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5 …"),
        ("x" * 700, f"{'x' * 600} …"),
        ("token: abc\nkey abcdef.0123456789abcdef", "token: [removed]\nkey abcdef.[removed]"),
    ],
)
def test_messages_are_short_and_without_secrets(text: str, short: str) -> None:
    assert first_lines(text) == short

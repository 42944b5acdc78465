"""The file: one that needs no other, and in which no text is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from pytest_kind.html_report.model import Cluster, Phase, Run, Section, Turn
from pytest_kind.html_report.page import data, page, title
from support.reports import BEGAN, NASTY, large_run, run_of_everything

EMPTY = Run(began=BEGAN, ended=BEGAN + 1, exit_code=5, facts={})


class Tags(HTMLParser):
    """The tags of a document, and what is between those of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._inside = True
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:  # in pieces, where it is long
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def text() -> str:
    return page(run_of_everything())


def known(run: Run) -> dict[str, Any]:
    return dict(json.loads(data(run)))


def test_it_refers_to_nothing_elsewhere(text: str) -> None:
    # Addresses of namespaces and in comments are not asked for.
    without = text.replace("http://www.w3.org/2000/svg", "")
    places = [value for _, attributes in Tags(without).tags for name, value in attributes.items() if name in {"src", "href", "srcset", "action"}]
    assert places == ["data:,", "#tests"]
    assert "@import" not in text
    assert "url(" not in text


def test_no_text_is_markup(text: str) -> None:
    document = Tags(text)
    assert [tag for tag, _ in document.tags].count("script") == 2
    assert "img" not in [tag for tag, _ in document.tags]
    assert NASTY.replace("\u202e", "\ufffd") in [one["id"].partition("::")[2] for one in json.loads(document.scripts[0])["tests"]]


def test_its_own_script_alone_may_run(text: str) -> None:
    document = Tags(text)
    (policy,) = (one["content"] for tag, one in document.tags if tag == "meta" and one.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(document.scripts[1].encode()).digest()).decode()
    assert policy is not None
    assert policy.split("; ") == [
        "default-src 'none'", "img-src data:", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'"
    ]  # fmt: skip


def test_its_title_is_how_the_run_ended(text: str) -> None:
    assert re.search("<title>(.*)</title>", text, re.DOTALL)[1] == "3 failed, 1 error, 28 passed, 1 skipped, 1 xfailed, 1 xpassed, 1 rerun"  # type: ignore[index]
    assert title(EMPTY) == "no test ran"


@pytest.mark.parametrize("nasty", [NASTY, "</SCRIPT>", "<!--<script>", "\u2028\u2029", "{{script}}", "]]>", "'\"\\"])
def test_data_comes_out_as_it_went_in(nasty: str) -> None:
    run = replace(
        EMPTY, tests=(Turn(id=f"a.py::{nasty}", outcome="failed", phases=(Phase("call", BEGAN, 1),), sections=(Section("failure", nasty),)),)
    )
    document = Tags(page(run))
    (test,) = json.loads(document.scripts[0])["tests"]
    assert test == {
        "id": f"a.py::{nasty}".replace("\u202e", "\ufffd"),
        "outcome": "failed",
        "phases": [["call", 0.0, 1]],
        "sections": [["failure", nasty.replace("\u202e", "\ufffd")]],
    }
    assert [tag for tag, _ in document.tags].count("script") == 2


def test_moments_are_since_the_run_began() -> None:
    found = known(run_of_everything())
    assert (found["began"], found["seconds"], found["exit"]) == (round(BEGAN * 1000), 96.4, 1)
    assert [(one["began"], one["ready"], one["ended"]) for one in found["clusters"]] == [(1.5, 5.4, 95.0), (3.5, 7.4, 95.0), (60.0, None, 71.0)]
    assert found["clusters"][1]["silent"] == [[50.0, 55.0]]
    assert found["events"][0][:3] == [8.0, "kind-brave-otter", 1]


def test_a_boots_picture_is_there_as_it_is() -> None:
    picture = "<svg xmlns='http://www.w3.org/2000/svg'><text>" + "x" * 100_000 + "</text></svg>"
    cluster = Cluster(name="c", how="cold", began=BEGAN, ready=BEGAN + 1, ended=None, picture=picture)
    assert known(replace(EMPTY, clusters=(cluster,)))["clusters"][0]["picture"] == picture


def test_secrets_are_in_no_part_of_it() -> None:
    secret = "abcdef.0123456789abcdef"  # noqa: S105 - no token of any cluster
    test = Turn(id=secret, outcome="failed", phases=(Phase(secret, BEGAN, 1),), reason=secret, labels=(secret,), sections=(Section(secret, secret),))
    run = replace(EMPTY, facts={secret: secret}, tests=(test,), problems=(secret,), links={secret: secret})
    assert secret not in page(run)


def test_all_of_upstreams_specs_are_a_few_megabytes() -> None:
    run = large_run()
    assert len(run.tests) == 3206
    assert len(page(run).encode()) < 5_000_000

"""Which Service or pod a URL means."""

from __future__ import annotations

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.port_forward import Wanted
from pytest_kind.toolbox.reach.place import place


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://web", Wanted("svc/web", 80, "mine")),
        ("https://web/", Wanted("svc/web", 443, "mine")),
        ("http://web.other:8080/x", Wanted("svc/web", 8080, "other")),
        ("http://web.other.svc/", Wanted("svc/web", 80, "other")),
        ("http://web.other.svc.cluster.local:front/", Wanted("svc/web", "front", "other")),
        ("http://web.other.svc.cluster.local./", Wanted("svc/web", 80, "other")),
        ("http://db-0.db.other.svc.cluster.local:5432/", Wanted("pod/db-0", 5432, "other")),
        ("http://db-0.db.other/", Wanted("pod/db-0", 80, "other")),
        ("http://one.other.pod:9/", Wanted("pod/one", 9, "other")),
        ("http://one.other.pod.cluster.local/", Wanted("pod/one", 80, "other")),
    ],
)
def test_names_as_pods_have_them(url: str, wanted: Wanted) -> None:
    assert place(url, "mine").wanted == wanted


def test_what_is_said_to_the_server() -> None:
    found = place("http://web.other:8080/a/b?c=d#e", "mine")
    assert (found.authority, found.target) == ("web.other:8080", "/a/b?c=d")
    assert (place("http://web:front", "mine").authority, place("http://web:front", "mine").target) == ("web", "/")


@pytest.mark.parametrize("url", ["web", "ftp://web/", "http:///x", "http://a.b.c.d.e/", "http://web:/", "http://web..svc/"])
def test_what_is_not_accepted(url: str) -> None:
    with pytest.raises(UsageError, match="is not accepted; accepted are http and https URLs of a Service"):
        place(url, "mine")


def test_passwords_are_not_shown() -> None:
    with pytest.raises(UsageError, match="a URL with a user's name is not accepted") as caught:
        place("http://me:secret@web/", "mine")
    assert "secret" not in str(caught.value)

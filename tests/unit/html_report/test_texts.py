"""What is shown has no secrets, no control characters and no end that is not seen."""

from __future__ import annotations

import pytest

from pytest_kind.html_report.texts import Texts

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("<b>&amp;", "<b>&amp;"),  # markup is the script's business, which makes none of it
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://a\x07link\x1b]8;;\x1b\\", "link"),
        ("a\r\nb\tc\n", "a\nb\tc\n"),
        ("a\x00b\x08c\x9fd", "a\ufffdb\ufffdc\ufffdd"),
        ("half \ud800 a pair", "half \ufffd a pair"),
        ("user\u202enimda", "user\ufffdnimda"),
        (f"it says {KEY}!", "it says -----BEGIN RSA PRIVATE KEY-----[removed]-----END RSA PRIVATE KEY-----!"),
        ("joining with abcdef.0123456789abcdef", "joining with abcdef.[removed]"),
        ("token: c2VjcmV0", "token: [removed]"),
    ],
)
def test_a_text(text: str, shown: str) -> None:
    assert Texts().text(text) == shown


def test_every_text_of_a_document_comes_through_it() -> None:
    secret = "token: c2VjcmV0"  # noqa: S105 - none
    document = {"a": [secret, 1, None, 2.5, True], secret: (secret, {"b": secret})}
    assert Texts().clean(document) == {
        "a": ["token: [removed]", 1, None, 2.5, True],
        "token: [removed]": ["token: [removed]", {"b": "token: [removed]"}],
    }


def test_of_a_long_text_the_end_is_shown_and_it_says_so() -> None:
    shown = Texts().text("first" + "x" * 100_000 + "last")
    head, _, rest = shown.partition("\n")
    assert head == "[34,473 characters before this are left out]"
    assert (len(rest), rest[-5:]) == (1 << 16, "xlast")


def test_a_secret_that_begins_before_what_is_shown_is_no_less_removed() -> None:
    text = f"-----BEGIN PRIVATE KEY-----{'k' * 70_000}-----END PRIVATE KEY-----"
    assert "kk" not in Texts().text(text)


def test_when_there_are_too_many_texts_the_rest_are_short() -> None:
    texts = Texts(budget=10_000)
    assert len(texts.text("y" * 9_000)) == 9_000
    assert len(texts.text("y" * 9_000)) == 9_000
    assert len(texts.text("y" * 9_000)) < 2_200

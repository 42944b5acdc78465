"""Why there was no answer, as the system says it, whichever library wrapped it."""

from __future__ import annotations

import errno
import http.client
import ssl

import pytest
import urllib3

from pytest_kind.api.reasons import answer, failure
from pytest_kind.errors import reason_first

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")  # asyncio's words


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def unbelieved() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, "connection refused"),
        (caused(urllib3.exceptions.HTTPError("HTTPSConnection(host='127.0.0.1', port=1): Failed …"), REFUSED), "connection refused"),
        (urllib3.exceptions.ProtocolError("Connection aborted.", OSError(errno.ECONNRESET, "x")), "connection reset by peer"),
        (urllib3.exceptions.ProtocolError("Connection aborted.", http.client.RemoteDisconnected("Remote end closed")), "Remote end closed"),
        (caused(urllib3.exceptions.HTTPError("Read timed out."), TimeoutError("The read operation timed out")), "The read operation timed out"),
        (TimeoutError(), "TimeoutError"),
        (urllib3.exceptions.SSLError(unbelieved()), "certificate verify failed: certificate has expired"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
        (http.client.IncompleteRead(b"12"), "IncompleteRead(2 bytes read)"),
        (KeyError("type"), "KeyError: 'type'"),
        (ValueError("two\n lines"), "ValueError: two lines"),
    ],
)
def test_failures(error: BaseException, reason: str) -> None:
    assert failure(error) == reason


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((503, "no room"), "503 Service Unavailable: no room"),
        ((503, ""), "503 Service Unavailable"),
        ((410, "too old", "Expired"), "410 Expired: too old"),
        ((401, "Unauthorized", "Unauthorized"), "401 Unauthorized"),
        ((0, "too old"), "too old"),
    ],
)
def test_answers(given: tuple[int, str] | tuple[int, str, str], said: str) -> None:
    assert answer(*given) == said


@pytest.mark.parametrize(
    ("reason", "message"),
    [("one", "one (GET /x)"), ("\none\n* two\n", "one (GET /x)\n* two"), ("", "no reason was given (GET /x)")],
)
def test_the_request_follows_the_first_line(reason: str, message: str) -> None:
    assert reason_first(reason, "GET /x") == message

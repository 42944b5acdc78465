"""Why a request failed, in the words of HTTP, of the API and of the system: ``403 Forbidden: pods is forbidden: …``, ``connection refused``."""

from __future__ import annotations

import json
import os
import ssl
from errno import errorcode
from http.client import responses

_SHOWN = 300  # bytes of an answer that is no Status


def refusal(status: int, body: bytes) -> str:
    """What the API says where it refuses: ``409 AlreadyExists: configmaps "a" already exists``.

    Args:
        body: a Status object, or whatever came instead.
    """
    message, reason = _said(body)
    return answer(status, message, reason)


def answer(status: int, text: str, reason: str = "") -> str:
    """A bad answer: ``503 Service Unavailable: no room``.

    Args:
        status: 0 where it is not known.
        reason: default: HTTP's name of the status.
    """
    name = reason or responses.get(status, "")
    head = " ".join(filter(None, [str(status or ""), name]))
    return ": ".join(filter(None, [head, "" if text == name else text]))


def failure(error: BaseException) -> str:
    """Why there was no answer, or no whole one: what the system says, without the wrappers of libraries."""
    inner = next((one for one in (error.__cause__, *error.args) if isinstance(one, BaseException)), None)
    if inner is not None:
        return failure(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, OSError) and error.errno is not None and error.errno in errorcode and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()  # asyncio has words of its own
    name, text = type(error).__name__, " ".join(str(error).split())
    if text.startswith(name) or (text and isinstance(error, OSError)):
        return text
    return f"{name}: {text}".removesuffix(": ")  # ``'type'`` alone says nothing of a KeyError


def message_of(body: bytes) -> str:
    """What the API says in an answer that refuses: a Status object's message, or the beginning of whatever it is."""
    return _said(body)[0]


def _said(body: bytes) -> tuple[str, str]:
    """Its message, and its reason if it gives one."""
    try:
        status = json.loads(body)
        return str(status["message"]), str(status.get("reason") or "")
    except (ValueError, KeyError, TypeError):
        return body[:_SHOWN].decode(errors="replace").strip(), ""

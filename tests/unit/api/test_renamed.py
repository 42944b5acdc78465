"""What kubetest looks up in the ``kubernetes`` package."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from kubernetes import client

from pytest_kind.api import renamed

NAMES = [*renamed._RENAMED, *renamed._GONE]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {name: vars(client).pop(name) for name in NAMES if name in vars(client)}
    yield
    for name in NAMES:
        vars(client).pop(name, None)
    vars(client).update(before)


def test_what_is_renamed_is_the_present_class_and_what_is_gone_says_so() -> None:
    assert not any(hasattr(client, name) for name in NAMES)
    importlib.reload(importlib.import_module("pytest_kind.bridges"))
    assert vars(client)["V1Event"] is client.CoreV1Event
    with pytest.raises(NotImplementedError, match=r"^AppsV1beta1Api: Kubernetes 1\.15 was the last to serve this API"):
        vars(client)["AppsV1beta1Api"](client.ApiClient())


def test_what_is_there_stays() -> None:
    vars(client)["AppsV1beta1Api"] = "theirs"
    renamed.restore()
    assert vars(client)["AppsV1beta1Api"] == "theirs"

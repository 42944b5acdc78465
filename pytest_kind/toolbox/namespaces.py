"""Namespaces for tests."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from pytest_kind.api.objects import create_namespace, delete_namespace, has_default_service_account
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

_SECONDS = 30.0
_MAX_LENGTH = 63  # a DNS label
LABEL = "pytest-kind/test"


def name_for(test: str) -> str:
    """A namespace's name that tells whose it is and collides with nobody's."""
    readable = re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-") or "test"
    return f"{readable[: _MAX_LENGTH - 9].strip('-')}-{secrets.token_hex(4)}"


def label_for(test: str) -> str:
    """The label's value in namespaces of a test: its name, as far as labels can have it."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", test).strip("-_.")[:_MAX_LENGTH].strip("-_.")


def create(cluster: KindCluster, test: str) -> str:
    """A namespace in which pods can be created at once.

    Raises:
        WaitTimeout: its default ServiceAccount did not come within 30 s.
    """
    name = name_for(test)
    create_namespace(cluster.client, name, {LABEL: label_for(test)})

    def probe() -> NotYet | bool:
        return has_default_service_account(cluster.client, name) or NotYet("the controller manager has not made it yet")

    wait_for(f"the default ServiceAccount of namespace {name}", probe, Deadline(_SECONDS), every=0.01)
    return name


def delete(cluster: KindCluster, name: str) -> None:
    """Deletes a namespace, without waiting for what is in it."""
    delete_namespace(cluster.client, name)

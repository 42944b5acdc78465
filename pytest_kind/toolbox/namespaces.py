"""Namespaces for tests."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_kind.api.http import ApiError
from pytest_kind.api.objects import (
    create_limit_range,
    create_namespace,
    create_quota,
    delete_namespace,
    has_default_service_account,
    quota_in_force,
)
from pytest_kind.errors import UsageError
from pytest_kind.toolbox.wished_namespace import PLAIN, WishedNamespace
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

_SECONDS = 30.0
_MAX_LENGTH = 63  # a DNS label
LABEL = "pytest-kind/test"
NAME = "pytest-kind"
"""Of the ResourceQuota and the LimitRange that a namespace is given."""


def name_for(test: str) -> str:
    """A namespace's name that tells whose it is and collides with nobody's."""
    readable = re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-") or "test"
    return f"{readable[: _MAX_LENGTH - 9].strip('-')}-{secrets.token_hex(4)}"


def label_for(test: str) -> str:
    """The label's value in namespaces of a test: its name, as far as labels can have it."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", test).strip("-_.")[:_MAX_LENGTH].strip("-_.")


def create(cluster: KindCluster, test: str, wished: WishedNamespace = PLAIN, where: str = "namespace") -> str:
    """A namespace in which pods can be created at once, and in which what was wished for counts already.

    Args:
        test: whose it is.
        wished: what it is to be like.
        where: who wishes it, for messages.

    Raises:
        UsageError: the API takes a quota or limits for wrong; nothing is left.
        WaitTimeout: its default ServiceAccount did not come within 30 s, or its quota did not count; nothing is left.
    """
    name = name_for(test)
    create_namespace(cluster.client, name, {**wished.all_labels, LABEL: label_for(test)}, wished.annotations)
    try:
        _furnish(cluster, name, wished, where)
    except BaseException:
        delete_namespace(cluster.client, name)
        raise
    return name


def _furnish(cluster: KindCluster, name: str, wished: WishedNamespace, where: str) -> None:
    client, deadline = cluster.client, Deadline(_SECONDS)

    def account() -> NotYet | bool:
        return has_default_service_account(client, name) or NotYet("the controller manager has not made it yet")

    wait_for(f"the default ServiceAccount of namespace {name}", account, deadline, every=0.01)
    try:
        if wished.limits:
            create_limit_range(client, name, NAME, wished.limits)
        if wished.quota:  # last: it must not keep away what every namespace is given
            create_quota(client, name, NAME, wished.quota)
    except ApiError as error:
        raise UsageError(f"{where}: {error}") from error

    def counts() -> NotYet | bool:  # until then every pod is refused: "status unknown for quota"
        return quota_in_force(client, name, NAME) or NotYet("the controller manager has not counted yet")

    if wished.quota:
        wait_for(f"the quota of namespace {name}", counts, deadline, every=0.01)


def delete(cluster: KindCluster, name: str) -> None:
    """Deletes a namespace, without waiting for what is in it."""
    delete_namespace(cluster.client, name)


@contextmanager
def lasting(cluster: KindCluster, name: str, wished: WishedNamespace, where: str) -> Iterator[str]:
    """A namespace until the block ends; otherwise as :func:`create`."""
    made = create(cluster, name, wished, where)
    try:
        yield made
    finally:
        delete(cluster, made)

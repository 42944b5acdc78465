"""Names of clusters and nodes: pure rules."""

from __future__ import annotations

import re
import secrets

from pytest_kind.errors import UsageError

# kind's rule (its pkg/cluster/internal/create/create.go). A node's name must be a host name too, hence the length:
# 63 characters of a DNS label less "-control-plane".
_VALID = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
MAX_HOST_NAME = 63
MAX_LENGTH = MAX_HOST_NAME - len("-control-plane")


def check_cluster_name(name: str, source: str) -> str:
    """The name, if it may be one.

    Args:
        source: who gave it, for the message (``--kind-name``).

    Raises:
        UsageError: it has other characters than lower case letters, digits, ``.`` and ``-``, or over 49 of them.
    """
    if not _VALID.fullmatch(name):
        raise UsageError(
            f"{source}: {name!r} is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last"
        )
    if len(name) > MAX_LENGTH:
        raise UsageError(f"{source}: {name!r} has {len(name)} characters, at most {MAX_LENGTH} are accepted")
    return name


def random_cluster_name() -> str:
    """A name that no other run has, so that any number of runs go side by side."""
    return f"pytest-kind-{secrets.token_hex(4)}"


def node_name(cluster: str, role: str, index: int) -> str:
    """Kind's node names: ``c-control-plane``, ``c-control-plane2``, … (``index`` counts from 0 per role)."""
    return f"{cluster}-{role}{'' if index == 0 else index + 1}"

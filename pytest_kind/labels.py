"""The label keys. Labels are the only state: they say what an object is and who made it, once, at its creation.

The two ``io.x-k8s.kind.*`` keys are kind's own (its ``pkg/cluster/internal/providers/docker/constants.go``), so that the
real ``kind get`` and ``kind delete`` see our clusters and we see kind's.
"""

from __future__ import annotations

from collections.abc import Mapping

CLUSTER = "io.x-k8s.kind.cluster"
"""The cluster's name. kind's own key."""
ROLE = "io.x-k8s.kind.role"
"""``control-plane``, ``worker`` or ``external-load-balancer``. kind's own key."""

SESSION = "io.pytest-kind.session"
"""The session that made the object: random, and the name of its lock file."""
OWNER = "io.pytest-kind.owner"
"""The process that made it, as JSON: machine, boot, PID namespace, pid, start time, the path of its lock."""
CREATED = "io.pytest-kind.created"
"""Seconds since the epoch."""
LEASE = "io.pytest-kind.lease"
"""Seconds that a node runs without its lease being renewed; ``0``: for ever (a kept cluster)."""
KEEP = "io.pytest-kind.keep"
"""``true``: made to outlive its session."""
SPARE = "io.pytest-kind.spare"
"""On the machines of a cluster that was made for whoever comes next: the digest of what it was made of (``lease/spares.py``)."""
CONFIG_DIGEST = "io.pytest-kind.config"
"""On a node: the digest of the configuration that its cluster was made of."""
IMAGE_DIGEST = "io.pytest-kind.image"
"""On a node: the digest of its image's inputs (our images), else the image's id. On an image: the digest of its inputs."""
KIND = "io.pytest-kind.kind"
"""What sort of object: ``node``, ``load-balancer``, ``volume``, ``builder``, ``base-image``, ``node-image``, ``test-image``, ``frozen-cluster``."""
KIND_TEST_IMAGE = "test-image"
CONTEXT = "io.pytest-kind.context"
"""On a test image: the folder that it was built from."""
FACTS = "io.pytest-kind.facts"
"""On a node image and on a frozen cluster: what is in it, as JSON."""
KIND_FROZEN = "frozen-cluster"
FROZEN = "io.pytest-kind.frozen"
"""On a frozen cluster, which is an image: the digest of what it was made of."""

NUMBER = "io.pytest-kind.number"
"""On a machine of a cluster: its place (``provision/places.py``)."""
LINK = "io.pytest-kind.link"
"""On a machine of a cluster: what its cluster's link addresses have in common."""
FAMILY = "io.pytest-kind.family"
"""On a machine of a cluster: ``ipv4``, ``ipv6`` or ``dual``."""

OF_PLACES = frozenset({CLUSTER, ROLE, KIND, NUMBER, LINK, FAMILY})
"""What the machines of a cluster do not have in common."""

ROLE_CONTROL_PLANE = "control-plane"
ROLE_WORKER = "worker"
ROLE_LOAD_BALANCER = "external-load-balancer"


def is_ours(labels: Mapping[str, str]) -> bool:
    """Whether this package made the object. Nothing else is ever removed; an empty label is an image's (docker_engine)."""
    return bool(labels.get(SESSION))


def is_kept(labels: Mapping[str, str]) -> bool:
    """Whether it was made to outlive its session."""
    return labels.get(KEEP) == "true"

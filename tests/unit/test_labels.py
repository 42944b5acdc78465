"""The labels: keys that other programs and older versions of this one read."""

from __future__ import annotations

from pytest_kind import labels


def test_the_keys_are_what_they_were() -> None:
    keys = {name: value for name, value in vars(labels).items() if name.isupper()}
    assert keys == {
        "CLUSTER": "io.x-k8s.kind.cluster",
        "ROLE": "io.x-k8s.kind.role",
        "SESSION": "io.pytest-kind.session",
        "OWNER": "io.pytest-kind.owner",
        "CREATED": "io.pytest-kind.created",
        "LEASE": "io.pytest-kind.lease",
        "KEEP": "io.pytest-kind.keep",
        "SPARE": "io.pytest-kind.spare",
        "CONFIG_DIGEST": "io.pytest-kind.config",
        "IMAGE_DIGEST": "io.pytest-kind.image",
        "KIND": "io.pytest-kind.kind",
        "KIND_TEST_IMAGE": "test-image",
        "CONTEXT": "io.pytest-kind.context",
        "FACTS": "io.pytest-kind.facts",
        "KIND_FROZEN": "frozen-cluster",
        "FROZEN": "io.pytest-kind.frozen",
        "NUMBER": "io.pytest-kind.number",
        "LINK": "io.pytest-kind.link",
        "FAMILY": "io.pytest-kind.family",
        "OF_PLACES": frozenset({labels.CLUSTER, labels.ROLE, labels.KIND, labels.NUMBER, labels.LINK, labels.FAMILY}),
        "ROLE_CONTROL_PLANE": "control-plane",
        "ROLE_WORKER": "worker",
        "ROLE_LOAD_BALANCER": "external-load-balancer",
    }


def test_ours_is_what_a_session_made() -> None:
    assert labels.is_ours({labels.SESSION: "1"})
    assert not labels.is_ours({labels.CLUSTER: "kind", labels.ROLE: "control-plane"})


def test_kept_is_only_what_says_so() -> None:
    assert labels.is_kept({labels.KEEP: "true"})
    assert not labels.is_kept({labels.KEEP: "false"})
    assert not labels.is_kept({})

"""The audit log: only where it is asked for."""

from __future__ import annotations

import yaml

from pytest_kind.boot.audit import LOG, audit_files, audited
from pytest_kind.boot.files import machine_files
from pytest_kind.boot.kubeadm import init_documents
from pytest_kind.boot.units import unit
from pytest_kind.config.types import ClusterConfig
from support.clusters import config_of, facts_of

POLICY = "kind/pytest-kind/audit-policy.yaml"


def server(config: ClusterConfig) -> dict[str, str]:
    """The API server's arguments, as kubeadm is told them."""
    documents = list(yaml.safe_load_all(init_documents(config, facts_of(config))))
    return {one["name"]: one["value"] for one in documents[0]["apiServer"]["extraArgs"]}


def test_the_api_server_is_told_and_every_control_plane_has_the_policy() -> None:
    config = audited(config_of(2, 1))
    assert server(config) | {"audit-policy-file": f"/{POLICY}", "audit-log-path": LOG, "audit-log-maxsize": "20"} == server(config)
    facts = facts_of(config)
    assert [POLICY in machine_files(config, facts, machine, 300) for machine in facts.machines] == [True, True, False, False]
    policy = yaml.safe_load(audit_files(config)[POLICY][0])
    assert {rule["level"] for rule in policy["rules"]} == {"None", "Metadata"}  # no bodies: they may be secrets
    assert policy["rules"][-1] == {"level": "Metadata"}


def test_static_pods_have_both_as_volumes_that_a_unit_needs_not() -> None:
    config = audited(ClusterConfig())
    documents = list(yaml.safe_load_all(init_documents(config, facts_of(config))))
    volumes = documents[0]["apiServer"]["extraVolumes"]
    assert {one["mountPath"] for one in volumes} == {f"/{POLICY}", "/var/log/kubernetes"}
    container = {
        "name": "a",
        "command": ["kube-apiserver"],
        "volumeMounts": [{"name": one["name"], "mountPath": one["mountPath"]} for one in volumes],
    }
    pod = {
        "metadata": {"name": "a"},
        "spec": {"containers": [container], "volumes": [{"name": one["name"], "hostPath": {"path": one["hostPath"]}} for one in volumes]},
    }
    assert "Bind" not in unit(pod)


def test_another_cluster_is_as_it_was_and_its_digest_another_one() -> None:
    config = ClusterConfig()
    assert "audit-log-path" not in server(config)
    assert audit_files(config) == {}
    assert audited(config).digest != config.digest


def test_the_users_own_patches_come_after_it() -> None:
    patch = "kind: ClusterConfiguration\napiServer: {extraArgs: [{name: audit-log-path, value: /mine}]}\n"
    assert server(audited(ClusterConfig(kubeadm_config_patches=(patch,))))["audit-log-path"] == "/mine"

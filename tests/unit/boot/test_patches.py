"""Users' patches on kubeadm's documents: kind's semantics, and older versions' forms."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from pytest_kind.boot.patches import patched, patched_for_node
from pytest_kind.config.types import ClusterConfig, Node, PatchJSON6902
from pytest_kind.errors import ConfigError

KUBEADM = "kubeadm.k8s.io/v1beta4"
DOCUMENTS: list[dict[str, Any]] = [
    {
        "apiVersion": KUBEADM,
        "kind": "ClusterConfiguration",
        "apiServer": {"certSANs": ["localhost"], "extraArgs": [{"name": "v", "value": "1"}, {"name": "w", "value": "a"}]},
        "scheduler": {"extraArgs": []},
        "networking": {"podSubnet": "10.244.0.0/16"},
    },
    {"apiVersion": KUBEADM, "kind": "InitConfiguration", "nodeRegistration": {"kubeletExtraArgs": [{"name": "node-ip", "value": "x"}]}},
    {"apiVersion": KUBEADM, "kind": "JoinConfiguration", "nodeRegistration": {"kubeletExtraArgs": []}, "discovery": {}},
    {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "evictionHard": {"a": "0%", "b": "0%"}},
    {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "iptables"},
]
WORKER = DOCUMENTS[2:]


def after(*merge: str, operations: str = "", kind: str = "ClusterConfiguration", api: str = "", documents: Any = DOCUMENTS) -> dict[str, Any]:
    """The documents by kind; nothing else may have changed."""
    group, _, version = api.rpartition("/")
    json6902 = [("j", PatchJSON6902(kind=kind, group=group, version=version, patch=operations))] if operations else []
    before = copy.deepcopy(documents)
    result = patched(documents, [(f"m{index}", text) for index, text in enumerate(merge)], json6902)
    assert documents == before
    return {document["kind"]: document for document in result}


def problems(*merge: str, **others: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        after(*merge, **others)
    assert caught.value.source == "kubeadm patches"
    return caught.value.problems


def cluster(text: str) -> str:
    return f"kind: ClusterConfiguration\n{text}"


def args(found: dict[str, Any], part: str = "apiServer") -> list[tuple[str, str]]:
    return [(one["name"], one["value"]) for one in found["ClusterConfiguration"][part]["extraArgs"]]


class TestMerge:
    def test_without_patches_documents_are_what_they_were(self) -> None:
        assert list(after().values()) == DOCUMENTS

    @pytest.mark.parametrize("kind", [document["kind"] for document in DOCUMENTS])
    @pytest.mark.parametrize("named", [True, False])
    def test_a_patch_changes_the_document_of_its_kind_alone(self, kind: str, *, named: bool) -> None:
        wanted = {document["kind"]: document for document in copy.deepcopy(DOCUMENTS)}
        wanted[kind]["fresh"] = {"deep": 1}
        header = f"apiVersion: {wanted[kind]['apiVersion']}" if named else ""
        assert after(f"kind: {kind}\n{header}\nfresh: {{deep: 1}}") == wanted

    def test_mappings_are_merged_lists_replaced_and_null_removes(self) -> None:
        found = after("kind: KubeletConfiguration\nevictionHard: {a: 5%, b: null, c: {d: null, e: [1]}}\nclusterDNS: [10.0.0.10]")[
            "KubeletConfiguration"
        ]
        assert found["evictionHard"] == {"a": "5%", "c": {"e": [1]}}
        assert found["clusterDNS"] == ["10.0.0.10"]

    def test_names_of_the_certificate_are_added(self) -> None:
        assert after(cluster("apiServer: {certSANs: [a, localhost, b]}"))["ClusterConfiguration"]["apiServer"]["certSANs"] == ["localhost", "a", "b"]

    def test_later_patches_come_after_earlier_ones_and_a_text_may_have_several(self) -> None:
        proxy = "kind: KubeProxyConfiguration\nmode: "
        assert after(proxy + "a", f"{proxy}b\n---\n{proxy}c")["KubeProxyConfiguration"]["mode"] == "c"

    def test_dates_are_text(self) -> None:
        assert after("kind: KubeletConfiguration\na: 2024-01-01")["KubeletConfiguration"]["a"] == "2024-01-01"

    def test_a_document_that_this_node_does_not_have(self) -> None:
        found = after(cluster("a: b"), "kind: InitConfiguration\na: b", operations="[{op: remove, path: /never}]", documents=WORKER)
        assert list(found.values()) == WORKER


class TestArguments:
    @pytest.mark.parametrize(
        "given",
        [
            "{v: 4, w: null, x: true, y: a, z: 1.5}",
            "[{name: v, value: 4}, {name: w, value: null}, {name: x, value: true}, {name: y, value: a}, {name: z, value: 1.5}]",
        ],
        ids=["mapping", "list"],
    )
    def test_they_are_added_to_by_name_in_either_form(self, given: str) -> None:
        assert args(after(cluster(f"apiServer: {{extraArgs: {given}}}"))) == [("v", "4"), ("x", "true"), ("y", "a"), ("z", "1.5")]

    def test_a_name_may_be_given_several_times(self) -> None:
        found = after(cluster("apiServer: {extraArgs: [{name: v, value: a}, {name: v, value: b}, {name: x, value: c}, {name: x, value: d}]}"))
        assert args(found) == [("v", "a"), ("v", "b"), ("w", "a"), ("x", "c"), ("x", "d")]

    def test_where_there_were_none(self) -> None:
        found = after(cluster("controllerManager: {extraArgs: {v: 4}}\nscheduler: {extraArgs: {v: 5}}"))
        assert (args(found, "controllerManager"), args(found, "scheduler")) == ([("v", "4")], [("v", "5")])

    @pytest.mark.parametrize("kind", ["InitConfiguration", "JoinConfiguration"])
    def test_a_kubelets(self, kind: str) -> None:
        found = after(f"kind: {kind}\napiVersion: kubeadm.k8s.io/v1beta3\nnodeRegistration: {{kubeletExtraArgs: {{v: 2}}}}")
        assert found[kind]["nodeRegistration"]["kubeletExtraArgs"][-1] == {"name": "v", "value": "2"}

    @pytest.mark.parametrize("wrong", ["[1]", "[{name: v}]", "text", "7"])
    def test_without_names_they_are_refused(self, wrong: str) -> None:
        found = yaml.safe_load(wrong)
        said = f"arguments must be a mapping, or a list of `name` and `value`, found {found!r}"
        assert problems(cluster(f"apiServer: {{extraArgs: {wrong}}}")) == (f"m0: {said}",)
        operations = f"[{{op: replace, path: /apiServer/extraArgs, value: {wrong}}}]"
        assert problems(operations=operations) == (f"j: operation 0: replace /apiServer/extraArgs: {said}",)


class TestOperations:
    def test_they_come_after_merge_patches(self) -> None:
        found = after(cluster("fresh: {a: 1}"), operations="[{op: add, path: /fresh/b, value: 2}]")
        assert found["ClusterConfiguration"]["fresh"] == {"a": 1, "b": 2}

    def test_kinds_own_example(self) -> None:
        operations = "- op: add\n  path: /apiServer/certSANs/-\n  value: my-hostname\n"
        assert after(operations=operations, api="kubeadm.k8s.io/v1beta3")["ClusterConfiguration"]["apiServer"]["certSANs"] == [
            "localhost",
            "my-hostname",
        ]

    @pytest.mark.parametrize(
        ("operation", "result"),
        [
            ("{op: add, path: /apiServer/extraArgs/x, value: 4}", [("v", "1"), ("w", "a"), ("x", "4")]),
            ("{op: add, path: /apiServer/extraArgs/v, value: '4'}", [("v", "4"), ("w", "a")]),
            ("{op: replace, path: /apiServer/extraArgs/v, value: true}", [("v", "true"), ("w", "a")]),
            ("{op: remove, path: /apiServer/extraArgs/v}", [("w", "a")]),
            ("{op: test, path: /apiServer/extraArgs/v, value: '1'}", [("v", "1"), ("w", "a")]),
            ("{op: move, from: /apiServer/extraArgs/v, path: /apiServer/extraArgs/x}", [("w", "a"), ("x", "1")]),
            ("{op: copy, from: /apiServer/extraArgs/v, path: /apiServer/extraArgs/x}", [("v", "1"), ("w", "a"), ("x", "1")]),
            ("{op: add, path: /apiServer/extraArgs, value: {v: 4}}", [("v", "4")]),
            ("{op: replace, path: /apiServer, value: {extraArgs: {v: 4}}}", [("v", "4")]),
            ("{op: add, path: /apiServer/extraArgs/-, value: {name: v, value: 4}}", [("v", "1"), ("w", "a"), ("v", "4")]),
            ("{op: replace, path: /apiServer/extraArgs/0/value, value: '4'}", [("v", "4"), ("w", "a")]),
            ("{op: remove, path: /apiServer/extraArgs/1}", [("v", "1")]),
        ],
    )
    def test_arguments_in_either_form(self, operation: str, result: list[tuple[str, str]]) -> None:
        assert args(after(operations=f"[{operation}]")) == result

    def test_arguments_where_there_were_none(self) -> None:
        operations = "[{op: add, path: /controllerManager, value: {}}, {op: add, path: /controllerManager/extraArgs/v, value: 4}]"
        assert args(after(operations=operations), "controllerManager") == [("v", "4")]

    def test_a_kubelets_arguments(self) -> None:
        operations = "[{op: add, path: /nodeRegistration/kubeletExtraArgs/v, value: '4'}]"
        found = after(operations=operations, kind="JoinConfiguration", documents=WORKER)["JoinConfiguration"]
        assert found["nodeRegistration"] == {"kubeletExtraArgs": [{"name": "v", "value": "4"}]}

    @pytest.mark.parametrize(
        ("operation", "problem"),
        [
            ("{op: remove, path: /a}", "remove /a: there is no /a"),
            ("{op: remove, path: /apiServer/extraArgs/x}", "remove /apiServer/extraArgs/x: there is no /apiServer/extraArgs/x"),
            ("{op: add, path: /none/extraArgs/x, value: 1}", "add /none/extraArgs/x: there is no /none"),
            ("{op: test, path: /apiServer/extraArgs/v, value: '2'}", "test /apiServer/extraArgs/v: found '1' instead of '2'"),
        ],
    )
    def test_what_finds_nothing_to_change_is_refused(self, operation: str, problem: str) -> None:
        assert problems(operations=f"[{operation}]") == (f"j: operation 0: {problem}",)

    @pytest.mark.parametrize("operation", ["{op: remove, path: /kind}", "{op: remove, path: ''}", "{op: replace, path: '', value: [1]}"])
    def test_a_document_stays_what_it_is(self, operation: str) -> None:
        assert problems(operations=f"[{operation}]") == ("j: must leave a ClusterConfiguration",)


class TestOlderVersions:
    @pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1beta3"])
    def test_their_patches_count(self, version: str) -> None:
        assert args(after(f"{cluster('scheduler: {extraArgs: {v: 4}}')}\napiVersion: kubeadm.k8s.io/{version}"), "scheduler") == [("v", "4")]

    def test_of_patches_for_one_document_the_newest_versions_count(self) -> None:
        old, new = (
            f"{cluster(f'scheduler: {{extraArgs: {{{version}: x}}}}')}\napiVersion: kubeadm.k8s.io/{version}" for version in ("v1beta3", "v1beta4")
        )
        join = "kind: JoinConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\na: b"
        found = after(new, old, cluster("scheduler: {extraArgs: {any: x}}"), join)
        assert args(found, "scheduler") == [("v1beta4", "x"), ("any", "x")]
        assert found["JoinConfiguration"]["a"] == "b"

    def test_the_newest_version_may_be_a_json_patchs(self) -> None:
        old = f"{cluster('a: b')}\napiVersion: kubeadm.k8s.io/v1beta2"
        found = after(old, operations="[{op: add, path: /c, value: d}]", api="kubeadm.k8s.io/v1beta3")["ClusterConfiguration"]
        assert ("a" in found, found["c"]) == (False, "d")

    def test_the_control_planes_timeout_moves(self) -> None:
        found = after(cluster("apiServer: {timeoutForControlPlane: 9m0s}"), "kind: InitConfiguration\ntimeouts: {etcdAPICall: 1m0s}")
        assert "timeoutForControlPlane" not in found["ClusterConfiguration"]["apiServer"]
        assert found["InitConfiguration"]["timeouts"] == {"etcdAPICall": "1m0s", "controlPlaneComponentHealthCheck": "9m0s"}
        assert found["JoinConfiguration"]["timeouts"] == {"controlPlaneComponentHealthCheck": "9m0s"}

    def test_discoverys_timeout_moves(self) -> None:
        found = after(operations="[{op: add, path: /discovery/timeout, value: 9m0s}]", kind="JoinConfiguration")["JoinConfiguration"]
        assert (found["discovery"], found["timeouts"]) == ({}, {"discovery": "9m0s"})


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems("kind: Pod", "[", cluster("apiServer: {extraArgs: 7}"), operations="[{op: remove, path: /a}]")
    assert [problem[:25] for problem in found] == [
        "m1: is no YAML: while par",
        "m0: matches nothing: kind",
        "m2: arguments must be a m",
        "j: operation 0: remove /a",
    ]


class TestNode:
    def config(self, cluster_patch: str, node_patch: str, operations: str = "[]") -> ClusterConfig:
        patches = (PatchJSON6902(kind="KubeletConfiguration", patch=operations),)
        nodes = (Node(), Node(role="worker", kubeadm_config_patches=(node_patch,), kubeadm_config_patches_json6902=patches))
        return ClusterConfig(kubeadm_config_patches=(cluster_patch,), kubeadm_config_patches_json6902=patches, nodes=nodes)

    def test_a_nodes_patches_come_after_the_clusters(self) -> None:
        config = self.config("kind: KubeletConfiguration\na: [cluster]", "kind: KubeletConfiguration\na: [node]", "[{op: add, path: /a/-, value: j}]")
        assert [patched_for_node(config, index, WORKER)[1]["a"] for index in (0, 1)] == [["cluster", "j"], ["node", "j"]]

    def test_problems_of_both_levels_come_at_once(self) -> None:
        config = self.config("kind: Pod", "kind: Service", "[{op: remove, path: /x}]")
        with pytest.raises(ConfigError) as caught:
            patched_for_node(config, 1, WORKER)
        assert [problem.split(": ")[0] for problem in caught.value.problems] == [
            "kubeadmConfigPatches[0]",
            "kubeadmConfigPatchesJSON6902[0]",
            "nodes[1].kubeadmConfigPatches[0]",
            "nodes[1].kubeadmConfigPatchesJSON6902[0]",
        ]

    def test_a_node_may_be_called_something_else(self) -> None:
        config = self.config("kind: KubeletConfiguration", "kind: Service")
        with pytest.raises(ConfigError, match=r"\n  - node\.kubeadmConfigPatches\[0\]: "):
            patched_for_node(config, 1, WORKER, called="node")

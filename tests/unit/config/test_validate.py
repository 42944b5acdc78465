"""The rules across fields: each has its message, and all speak at once (addresses: test_networks.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.config.types import ClusterConfig, Mount, Networking, Node, PatchJSON6902
from pytest_kind.config.validate import problems

# Self-signed, of a key that nobody has.
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUWmK1ro94lp+NzgvP7cfRLeUyMpQwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjExNDEyMDJaGA8yMTI2MTAyODE0MTIwMlow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHJfa04gKQv+
IJrVqpDAHnr+YfjCWe5TVhSGOJJVNBi3qWcuXzvSEBWgMyC13K9LlrEHh3fvRHxl
pq9pFsYZTNqjUzBRMB0GA1UdDgQWBBT0iSslc4npej5ZEOZnVZRlPRbjpDAfBgNV
HSMEGDAWgBT0iSslc4npej5ZEOZnVZRlPRbjpDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDWoo3NN90nnilvOPft9k9bMvtKcNGtsEEnWC0/LniF
UwIgLtzz3gLciAh0+mM0MONyYCETI2VBXqoUl8nnn3D4sYQ=
-----END CERTIFICATE-----
"""
WORKER = Node(role="worker")
OPERATION = "[{op: add, path: /a, value: 1}]"
DOCUMENTS = "ClusterConfiguration, InitConfiguration, JoinConfiguration, KubeletConfiguration, KubeProxyConfiguration"


def with_node(node: Node) -> ClusterConfig:
    return ClusterConfig(nodes=(node,))


def with_mounts(*paths: str) -> ClusterConfig:
    return with_node(Node(extra_mounts=tuple(Mount(host_path="/a", container_path=path) for path in paths)))


def with_patch(text: str) -> ClusterConfig:
    return ClusterConfig(kubeadm_config_patches=(text,))


def with_json_patch(patch: str = OPERATION, kind: str = "ClusterConfiguration", group: str = "", version: str = "") -> ClusterConfig:
    return ClusterConfig(kubeadm_config_patches_json6902=(PatchJSON6902(group=group, version=version, kind=kind, patch=patch),))


@pytest.mark.parametrize(
    "config",
    [
        ClusterConfig(),
        ClusterConfig(nodes=(Node(), WORKER, WORKER)),
        ClusterConfig(nodes=(WORKER, Node(), Node(), Node())),
        ClusterConfig(nodes=(Node(image="kindest/node:v1.30.0@sha256:abc"), Node(image="localhost:5000/a/b_c.d", role="worker"))),
        with_node(Node(labels={"a": "", "example.com/a_b.c": "x" * 63, "x" * 63: "1", "a.b/c": "d"})),
        with_node(Node(labels={"topology.kubernetes.io/zone": "a", "node.kubernetes.io/x": "b", "a.kubelet.kubernetes.io/x": "c", "xk8s.io/a": "d"})),
        with_node(Node(cpus=0.5, memory="512Mi")),
        with_mounts("/a", "/a/b", "/var/lib/x", "/tmp/x"),  # noqa: S108
        ClusterConfig(name="a" * 49),
        ClusterConfig(name="a" * 48, nodes=(Node(),) * 9),
        ClusterConfig(
            feature_gates={"AllAlpha": True}, runtime_config={"api/all": "true", "v1": "", "apps/v1/deployments": "0", "a.b.io/v1": "False"}
        ),
        with_patch("kind: ClusterConfiguration\napiServer: {}"),
        with_patch("---\nkind: JoinConfiguration\n---\nkind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\n---\n"),
        with_patch("kind: InitConfiguration\napiVersion: kubeadm.k8s.io/v1beta3"),
        with_json_patch(version="v1beta2"),
        with_json_patch(group="kubeadm.k8s.io"),
        with_json_patch(kind="KubeletConfiguration", group="kubelet.config.k8s.io", version="v1beta1"),
        with_json_patch('[{"op": "move", "from": "/a~1b", "path": ""}, {"op": "remove", "path": "/a"}]'),
        ClusterConfig(containerd_config_patches=("version = 3\n[a.b]\nc = 1",), containerd_config_patches_json6902=(OPERATION,)),
    ],
)
def test_what_is_just_inside_the_rules_passes(config: ClusterConfig) -> None:
    assert problems(config) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            ClusterConfig(name="Bad"),
            "name: 'Bad' is no cluster name: lower case letters, digits, '.' and '-' are accepted, a letter or digit first and last",
        ),
        (
            ClusterConfig(name="a" * 49, nodes=(Node(), Node())),
            f"name: nodes[1] would be named '{'a' * 49}-control-plane2', 64 characters; a host name has at most 63",
        ),
        (ClusterConfig(nodes=()), "nodes: at least one control-plane is needed, found 0 nodes: "),
        (ClusterConfig(nodes=(WORKER, WORKER)), "nodes: at least one control-plane is needed, found 2 nodes: worker, worker"),
        (with_node(Node(image="a b")), "nodes[0].image: 'a b' is no reference of an image, such as kindest/node:v1.37.1"),
        (with_node(Node(labels={"a b": "c"})), "nodes[0].labels: 'a b' is no label key"),
        (with_node(Node(labels={"": "c"})), "nodes[0].labels: '' is no label key"),
        (with_node(Node(labels={"a..b/c": "c"})), "nodes[0].labels: 'a..b/c' is no label key"),
        (with_node(Node(labels={"a\n": "c"})), "nodes[0].labels: 'a\\n' is no label key"),
        (with_node(Node(labels={"a": "b c"})), "nodes[0].labels.a: 'b c' is no label value"),
        (with_node(Node(labels={"a": "x" * 64})), f"nodes[0].labels.a: '{'x' * 64}' is no label value"),
        (
            with_node(Node(labels={"node-role.kubernetes.io/worker": ""})),
            (
                "nodes[0].labels: 'node-role.kubernetes.io/worker' is not for a kubelet to set: it would not start; of kubernetes.io and k8s.io it "
                "may set kubelet.kubernetes.io/…, node.kubernetes.io/…, beta.kubernetes.io/arch, beta.kubernetes.io/instance-type, "
                "beta.kubernetes.io/os, failure-domain.beta.kubernetes.io/region, failure-domain.beta.kubernetes.io/zone, kubernetes.io/arch, "
                "kubernetes.io/hostname, kubernetes.io/os, topology.kubernetes.io/region, topology.kubernetes.io/zone"
            ),
        ),
        (with_node(Node(cpus=0)), "nodes[0].cpus: must be more than 0, such as 1.5, found 0"),
        (with_node(Node(cpus=float("nan"))), "nodes[0].cpus: must be more than 0, such as 1.5, found nan"),
        (with_node(Node(cpus=float("inf"))), "nodes[0].cpus: must be more than 0, such as 1.5, found inf"),
        (with_node(Node(memory="511Mi")), "nodes[0].memory: must be 512Mi or more, found '511Mi'"),
        (with_node(Node(memory="2gb")), "nodes[0].memory: must be a quantity such as 2Gi, 1500M or 2147483648, found '2gb'"),
        (with_mounts("mnt"), "nodes[0].extraMounts[0].containerPath: must be absolute, found 'mnt'"),
        (with_mounts("/a/../b"), "nodes[0].extraMounts[0].containerPath: must be absolute, found '/a/../b'"),
        (with_mounts("/a", "/b", "//a/./"), "nodes[0].extraMounts[2].containerPath: '//a/./' is taken by extraMounts[0]"),
        (with_mounts("/var/"), "nodes[0].extraMounts[0].containerPath: '/var/' is the node's own; a folder in it is accepted"),
        (
            with_node(Node(extra_mounts=(Mount(host_path="/a\0", container_path="/a"),))),
            "nodes[0].extraMounts[0].hostPath: '/a\\x00' is no path",
        ),
        (ClusterConfig(feature_gates={"A=true,B": True}), "featureGates: 'A=true,B' is no feature gate, such as AllAlpha"),
        (ClusterConfig(runtime_config={"a,b": "true"}), "runtimeConfig: 'a,b' is no API, such as api/alpha or batch/v2alpha1"),
        (ClusterConfig(runtime_config={"api/all": "yes"}), "runtimeConfig.api/all: must be true or false, found 'yes'"),
        (
            with_patch("a: b"),
            "kubeadmConfigPatches[0]: must be a mapping with a `kind` (such as ClusterConfiguration), and an `apiVersion` or none",
        ),
        (
            with_patch("text"),
            "kubeadmConfigPatches[0]: must be a mapping with a `kind` (such as ClusterConfiguration), and an `apiVersion` or none",
        ),
        (with_patch("---"), "kubeadmConfigPatches[0]: is empty, must be a mapping with a `kind` (such as ClusterConfiguration)"),
        (with_patch("kind: Pod"), f"kubeadmConfigPatches[0]: matches nothing: kind 'Pod' is none of {DOCUMENTS}"),
        (
            with_patch("kind: InitConfiguration\napiVersion: kubeadm.k8s.io/v1beta5"),
            (
                "kubeadmConfigPatches[0]: matches nothing: InitConfiguration is of kubeadm.k8s.io/v1beta4 (or v1beta1, v1beta2, v1beta3), "
                "found 'kubeadm.k8s.io/v1beta5'"
            ),
        ),
        (
            with_patch("kind: KubeletConfiguration\napiVersion: v1"),
            "kubeadmConfigPatches[0]: matches nothing: KubeletConfiguration is of kubelet.config.k8s.io/v1beta1, found 'v1'",
        ),
        (
            with_node(Node(kubeadm_config_patches=("kind: Pod",))),
            f"nodes[0].kubeadmConfigPatches[0]: matches nothing: kind 'Pod' is none of {DOCUMENTS}",
        ),
        (
            with_node(Node(kubeadm_config_patches_json6902=(PatchJSON6902(kind="Pod", patch=OPERATION),))),
            f"nodes[0].kubeadmConfigPatchesJSON6902[0]: matches nothing: kind 'Pod' is none of {DOCUMENTS}",
        ),
        (
            with_json_patch(group="kubelet.config.k8s.io"),
            (
                "kubeadmConfigPatchesJSON6902[0]: matches nothing: ClusterConfiguration is of kubeadm.k8s.io/v1beta4 (or v1beta1, v1beta2, v1beta3), "
                "found 'kubelet.config.k8s.io'"
            ),
        ),
        *(
            (with_json_patch(text), f"kubeadmConfigPatchesJSON6902[0].patch: {problem}")
            for text, problem in (
                ("a: b", "must be a list of RFC 6902 operations, such as [{op: add, path: /a, value: 1}]"),
                ("", "must be a list of RFC 6902 operations, such as [{op: add, path: /a, value: 1}]"),
                ("[7]", "operation 0: `op` must be one of add, remove, replace, move, copy, test, found 7"),
                ("[{op: [], path: /a}]", "operation 0: `op` must be one of add, remove, replace, move, copy, test, found {'op': [], 'path': '/a'}"),
                ("[{op: remove, path: /a}, {op: add, path: /a}]", "operation 1: add needs `value`, found {'op': 'add', 'path': '/a'}"),
                ("[{op: remove, path: a}]", "operation 0: `path` must be a JSON pointer, such as /apiServer/certSANs/-, found 'a'"),
                ("[{op: copy, path: /a, from: 7}]", "operation 0: `from` must be a JSON pointer, such as /apiServer/certSANs/-, found 7"),
            )
        ),
        (
            ClusterConfig(containerd_config_patches=("a = 1", "a")),
            "containerdConfigPatches[1]: is no TOML: Expected '=' after a key in a key/value pair (at end of document)",
        ),
        (
            ClusterConfig(containerd_config_patches_json6902=("{}",)),
            "containerdConfigPatchesJSON6902[0]: must be a list of RFC 6902 operations, such as [{op: add, path: /a, value: 1}]",
        ),
    ],
)
def test_each_rule_names_the_field_and_what_it_found(config: ClusterConfig, problem: str) -> None:
    assert problems(config) == [problem]


@pytest.mark.parametrize("text", ["[", "a: !!int x", "kind: Pod\nkind: Pod"])
def test_a_patch_that_is_no_yaml_is_one_problem_in_one_line(text: str) -> None:
    (problem,) = problems(with_patch(text))
    assert problem.startswith("kubeadmConfigPatches[0]: is no YAML: ")
    assert "\n" not in problem
    (problem,) = problems(with_json_patch(text))
    assert problem.startswith("kubeadmConfigPatchesJSON6902[0].patch: is no YAML: ")


def test_problems_of_all_fields_come_at_once() -> None:
    config = ClusterConfig(
        name="-",
        nodes=(Node(labels={"?": "?"}), Node(role="worker", extra_mounts=(Mount(host_path="a", container_path="b"),))),
        networking=Networking(pod_subnet="x", service_subnet="y", api_server_address="z", api_server_port=-2),
        kubeadm_config_patches=("1",),
    )
    assert [problem.split(":")[0] for problem in problems(config)] == [
        "name",
        "nodes[0].labels",
        "nodes[0].labels.?",
        "nodes[1].extraMounts[0].containerPath",
        "networking.podSubnet",
        "networking.serviceSubnet",
        "networking.apiServerAddress",
        "networking.apiServerPort",
        "kubeadmConfigPatches[0]",
    ]


class TestCertificates:
    def test_a_file_of_certificates(self, tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        file.write_text(f"# ours\n{CERTIFICATE}\n{CERTIFICATE}", encoding="ascii")
        assert problems(ClusterConfig(ca_certificates=(str(file),))) == []


class TestManifests:
    def test_objects(self, tmp_path: Path) -> None:
        (tmp_path / "cni.yaml").write_text("kind: ConfigMap\n---\nkind: DaemonSet\n", encoding="utf-8")
        assert problems(ClusterConfig(manifests=(str(tmp_path / "cni.yaml"),))) == []

    @pytest.mark.parametrize("text", ["", "- kind: ConfigMap", "a: 1", "{", "kind: A\n---\n7"])
    def test_a_file_of_something_else(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "cni.yaml").write_text(text, encoding="utf-8")
        (problem,) = problems(ClusterConfig(manifests=(str(tmp_path / "cni.yaml"),)))
        assert problem.startswith(f"manifests[0]: must be a file of Kubernetes objects in YAML, found '{tmp_path / 'cni.yaml'}'")

    def test_no_file(self, tmp_path: Path) -> None:
        (problem,) = problems(ClusterConfig(manifests=(str(tmp_path / "none"),)))
        assert "No such file" in problem

"""kubeadm's static pods as units of their node."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from pytest_kind.boot.units import unit, unit_files
from pytest_kind.errors import KindError

ETCD = """
apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  hostNetwork: true
  containers:
  - name: etcd
    image: registry.k8s.io/etcd:3.7.0-0
    command: [etcd, --name=c-control-plane, "--experimental=a b"]
    args: ["--cost=100%", '--say="$HOME"']
    env: [{name: GOGC, value: "50"}, {name: EMPTY}, {name: HTTP_PROXY, value: "http://me:a$b%c@proxy"}]
    volumeMounts:
    - {name: data, mountPath: /var/lib/etcd}
    - {name: more, mountPath: /inside, readOnly: true}
    - {name: other, mountPath: /own}
  volumes:
  - {name: data, hostPath: {path: /var/lib/etcd, type: DirectoryOrCreate}}
  - {name: more, hostPath: {path: /outside}}
  - {name: other, hostPath: {path: /theirs}}
"""


def lines(word: str, pod: dict[str, Any] | None = None) -> list[str]:
    text = unit(pod or yaml.safe_load(ETCD))
    return [line.removeprefix(f"{word}=") for line in text.splitlines() if line.startswith(f"{word}=")]


def test_it_runs_the_images_program_with_kubeadms_arguments_as_systemd_quotes_them() -> None:
    assert lines("ExecStart") == ['"/kind/pytest-kind/bin/etcd" "--name=c-control-plane" "--experimental=a b" "--cost=100%%" "--say=\\"$$HOME\\""']


def test_it_has_the_containers_environment() -> None:
    assert lines("Environment") == ['"GOGC=50"', '"EMPTY="', '"HTTP_PROXY=http://me:a$b%%c@proxy"']


def test_volumes_that_are_elsewhere_on_the_node_are_bound() -> None:
    assert lines("BindReadOnlyPaths") == ['"/outside:/inside"']
    assert lines("BindPaths") == ['"/theirs:/own"']


def test_it_comes_back_by_itself() -> None:
    assert lines("Restart") == ["always"]
    assert lines("StartLimitIntervalSec") == ["0"]


def test_every_manifest_is_a_file() -> None:
    found = unit_files({"etcd": ETCD, "kube-scheduler": ETCD})
    assert {path: mode for path, (_, mode) in found.items()} == {
        "etc/systemd/system/etcd.service": 0o644,
        "etc/systemd/system/kube-scheduler.service": 0o644,
    }


def test_those_that_would_make_a_certificate_of_their_own_serve_with_the_api_servers() -> None:
    words = {
        "kube-apiserver": "[kube-apiserver, --tls-cert-file=/pki/api.crt, --tls-private-key-file=/pki/api.key]",
        "kube-scheduler": "[kube-scheduler]",
        "kube-controller-manager": "[kube-controller-manager, --tls-cert-file=/own.crt, --tls-private-key-file=/own.key]",
        "etcd": "[etcd]",
    }
    pods = {name: f"metadata: {{name: {name}}}\nspec:\n  containers:\n  - command: {command}\n" for name, command in words.items()}
    started = {path: re.findall(r"^ExecStart=(.*)$", text.decode(), re.MULTILINE)[0] for path, (text, _) in unit_files(pods).items()}
    assert started["etc/systemd/system/kube-scheduler.service"].endswith('" "--tls-cert-file=/pki/api.crt" "--tls-private-key-file=/pki/api.key"')
    assert started["etc/systemd/system/kube-controller-manager.service"].count("--tls-cert-file=") == 1
    assert "/own.key" in started["etc/systemd/system/kube-controller-manager.service"]
    assert started["etc/systemd/system/etcd.service"] == '"/kind/pytest-kind/bin/etcd"'


@pytest.mark.parametrize("more", [{"containers": [{}, {}]}, {"initContainers": [{}]}])
def test_several_containers_are_no_unit(more: dict[str, Any]) -> None:
    pod = yaml.safe_load(ETCD)
    pod["spec"] |= more
    with pytest.raises(KindError, match=r"^static pod etcd has several containers: as a unit of its node it can have one$"):
        unit(pod)


def test_a_volume_that_is_not_the_nodes_is_no_units() -> None:
    pod = yaml.safe_load(ETCD)
    pod["spec"]["volumes"][1] = {"name": "more", "emptyDir": {}}
    with pytest.raises(KindError, match=re.escape("static pod etcd has a volume 'more' that is none of the node's files")):
        unit(pod)

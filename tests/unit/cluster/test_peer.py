"""PyPI's KindCluster on our handle: what it has, by hand and as the fixture gives it."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_kind import labels, peer
from pytest_kind.api import kubeconfig
from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import BootError, UsageError
from pytest_kind.peer import KindCluster, KubectlError
from pytest_kind.provision import docker_engine
from support.clusters import config_of
from support.credentials import admin_conf
from support.engine import FakeEngine
from support.images import Layout

HERE = ClusterConfig()


@pytest.fixture
def made(maker: Maker) -> KindCluster:
    """As the fixture has it."""
    return KindCluster.of(maker.make(Request(config=HERE, name="mine")))


@pytest.fixture
def by_hand(maker: Maker, engine: FakeEngine, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to make clusters in by hand."""
    del maker
    monkeypatch.setattr(docker_engine, "connect", lambda: engine)
    monkeypatch.setenv("PYTEST_KIND_CACHE_DIR", str(cache))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_description_has_the_names_and_says_what_is_missing() -> None:
    cluster = KindCluster("mine", Path("there"), "image:1", Path("kind"), Path("kubectl"))
    assert (cluster.name, cluster.image, cluster.platform) == ("mine", "image:1", sys.platform)
    assert (cluster.kubeconfig_path, cluster.path) == (Path("there").absolute(), Path(".pytest-kind/mine").absolute())
    assert (cluster.kind_path, cluster.kubectl_path) == (Path("kind"), Path("kubectl"))
    assert repr(cluster) == "<KindCluster 'mine', not created>"
    for name in ("nodes", "config", "api"):
        with pytest.raises(AttributeError, match=rf"^cluster mine is not there: {name} is known after create\(\)$"):
            getattr(cluster, name)
    with pytest.raises(AttributeError, match=r"^'KindCluster' object has no attribute 'nonsense'$"):
        cluster.nonsense  # noqa: B018
    with pytest.raises(UsageError, match=r"^KindCluster\(name\): 'Mine' is no cluster name"):
        KindCluster("Mine")


def test_by_hand_it_is_made_attached_to_and_deleted(by_hand: Path, engine: FakeEngine) -> None:
    first, second = KindCluster("mine"), KindCluster("mine")
    first.create()
    first.create()
    second.create()
    assert engine.made("create") == ["mine-control-plane"]
    assert labels.is_kept(engine.containers({})[0].labels)
    assert first.kubeconfig_path == by_hand / ".pytest-kind/mine/kubeconfig"
    assert yaml.safe_load(first.kubeconfig_path.read_text(encoding="utf-8"))["current-context"] == "kind-mine"
    assert repr(first) == "<KindCluster 'mine', 1 node>"
    second.delete()
    first.delete()
    assert engine.names == []
    assert not first.kubeconfig_path.exists()
    first.create()
    assert engine.made("create") == ["mine-control-plane"] * 2
    first.delete()


def test_one_of_an_earlier_process_is_deleted_by_its_name(by_hand: Path, engine: FakeEngine) -> None:
    KindCluster("mine").create()
    KindCluster("mine").delete()
    KindCluster("nobodys").delete()
    assert engine.names == []


def test_one_that_is_not_ours_is_not_deleted(by_hand: Path, engine: FakeEngine) -> None:
    engine.add_container("theirs-control-plane", {labels.CLUSTER: "theirs"})
    with pytest.raises(UsageError, match=r"^delete: cluster 'theirs' is not ours"):
        KindCluster("theirs").delete()
    assert engine.names == ["theirs-control-plane"]


def test_a_kubeconfig_of_somebody_elses_is_seen_before_anything_is_made(by_hand: Path, engine: FakeEngine) -> None:
    (by_hand / "config").write_text("contexts: [{name: work}]\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"^KindCluster\('mine'\): .*config is there"):
        KindCluster("mine", by_hand / "config").create()
    assert engine.calls == []


def test_all_variables_that_are_wrong_are_told(by_hand: Path, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> None:
    monkeypatch.setenv("PYTEST_KIND_TIMEOUT", "soon")
    monkeypatch.setenv("PYTEST_KIND_LEASE", "1")
    with pytest.raises(UsageError) as caught:
        KindCluster("mine").create()
    assert [line.split(" is not")[0] for line in str(caught.value).splitlines()] == ["PYTEST_KIND_LEASE: '1'", "PYTEST_KIND_TIMEOUT: 'soon'"]
    assert engine.calls == []


def test_a_boot_that_fails_leaves_nothing(by_hand: Path, engine: FakeEngine, cache: Path) -> None:
    engine.answer(["fake-boot"], "no", code=1)
    before = set((cache / "sessions").iterdir())
    cluster = KindCluster("mine")
    with pytest.raises(BootError):
        cluster.create()
    assert engine.names == []
    assert set((cache / "sessions").iterdir()) == before
    assert not cluster.kubeconfig_path.exists()


def test_the_fixtures_is_there(made: KindCluster, tmp_path: Path) -> None:
    made.create()
    (tmp_path / "other.yaml").write_text("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nfeatureGates: {A: true}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"^create: cluster mine is there and is not like .*other\.yaml"):
        made.create(tmp_path / "other.yaml")
    made.delete()
    made.delete()
    with pytest.raises(UsageError, match="kind_cluster_factory"):
        made.create()


def test_names_that_only_pypis_has(made: KindCluster, engine: FakeEngine) -> None:
    layout = Layout()
    descriptor = layout.image([b"layer"])
    layout.add(descriptor, "docker.io/library/app:1")
    engine.add_image("app:1", identity=layout.configuration(descriptor))
    engine.saved = layout.archive([{"Config": "x", "RepoTags": ["app:1"]}])
    made.load_docker_image("app:1")
    made.ensure_kind()
    made.ensure_kubectl()
    assert engine.containerd[made.nodes[0].container].images.keys() >= {"docker.io/library/app:1"}
    assert made.path == made.kubeconfig_path.parent


def test_kubectl_is_given_the_files_that_it_names(made: KindCluster, engine: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Pod", encoding="utf-8")
    made.kubectl("apply", "-f", Path("a.yaml"), cwd=tmp_path, input=b"in", encoding="utf-8", timeout=None)
    (_, archive) = engine.puts(made.nodes[0].container)[-1]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        stdin, file = tar.getmembers()
        assert file.name == f"{Path(stdin.name).parent}/0/a.yaml"
        assert [tar.extractfile(one).read() for one in (stdin, file)] == [b"in", b"kind: Pod"]  # type: ignore[union-attr]
    assert engine.made("exec")[-1].endswith(f"kubectl /{Path(stdin.name).parent} apply -f /{file.name}")


def test_kubectl_asks_a_control_plane_that_runs(maker: Maker, engine: FakeEngine) -> None:
    made = KindCluster.of(maker.make(Request(config=config_of(3), name="mine")))
    made.nodes[0].kill()
    made.kubectl("get", "pods")
    made.kubectl("apply", "-f", "-", input="kind: Pod")
    ran = engine.execs("mine-control-plane2")[-2:]
    assert (ran[0], ran[1].split()[-3:]) == ("kubectl get pods", ["apply", "-f", "-"])
    assert len(engine.puts(made.nodes[1].container)) == len(engine.puts(made.nodes[0].container)) + 1


def test_kubectl_that_fails_has_its_words_and_is_what_subprocess_raises(made: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["kubectl"], "error: no such resource", code=3)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        made.kubectl("get", "nonsense")
    assert isinstance(caught.value, KubectlError)
    assert str(caught.value) == "mine-control-plane: `kubectl get nonsense` ended with 3:\nerror: no such resource"
    assert (caught.value.returncode, caught.value.cmd) == (3, ["kubectl", "get", "nonsense"])
    assert caught.value.output == caught.value.stderr == "error: no such resource"


def test_kubectl_refuses_what_means_nothing(made: KindCluster) -> None:
    with pytest.raises(TypeError, match=r"^kubectl: check, env is not accepted; accepted are input, timeout, cwd$"):
        made.kubectl("get", "pods", check=True, env={})


def test_the_api_is_pykubes_where_it_is_installed(made: KindCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    class HTTPClient:
        def __init__(self, config: dict[str, Any]) -> None:
            self.config = config

    monkeypatch.setitem(sys.modules, "pykube", types.SimpleNamespace(HTTPClient=HTTPClient, KubeConfig=dict))
    assert made.api is made.api
    assert made.api.config["current-context"] == "kind-mine"
    made.reached_by(kubeconfig.outside(admin_conf(), "mine", "https://127.0.0.1:1"))
    assert made.api.config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"


def test_a_users_client_follows_when_the_api_is_published_at_another_port(made: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["kubeadm", "kubeconfig", "user"], admin_conf())
    with made.scope() as scope:
        client = scope.as_user("alice")
        made.reached_by(kubeconfig.outside(admin_conf(), "mine", "https://127.0.0.1:1"))
        assert client.configuration.host == "https://127.0.0.1:1"


def test_the_api_names_the_extra_where_it_is_not(made: KindCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pykube", None)
    assert not hasattr(made, "api")
    with pytest.raises(peer.MissingExtra, match=r"pip install 'pytest-kind-native\[pykube\]'"):
        made.api  # noqa: B018


def test_port_forward_says_what_is_wrong_before_it_asks(made: KindCluster) -> None:
    with pytest.raises(UsageError, match=r"^port_forward: 'node/a' is not accepted"), made.port_forward("node/a", 80):
        pass

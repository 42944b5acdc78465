"""The handle that tests hold: commands on nodes, clients, the end."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_kind.cluster import Maker, Request
from pytest_kind.config.types import ClusterConfig
from pytest_kind.errors import CommandError, EngineError, UnknownImage
from pytest_kind.handle import KindCluster
from support.api_server import ApiServer
from support.engine import FakeEngine
from support.images import Layout


@pytest.fixture
def cluster(maker: Maker) -> Iterator[KindCluster]:
    made = maker.make(Request(config=ClusterConfig(), name="mine"))
    yield made
    made.delete()


def test_a_command_on_a_node(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["uname"], "Linux\n")
    assert cluster.nodes[0].exec("uname", "-s") == "Linux\n"
    assert engine.made("exec")[-1] == "uname -s"


def test_a_command_that_fails_names_the_node(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["false"], "no", code=1)
    with pytest.raises(CommandError, match=r"^mine-control-plane: `false` ended with 1:\nno$"):
        cluster.nodes[0].exec("false")


def test_a_command_in_one_list_is_refused_before_anything_runs(cluster: KindCluster, engine: FakeEngine) -> None:
    before = engine.made("exec")
    with pytest.raises(TypeError, match=r"^exec takes the words .* as in exec\('ls', '-l'\); found \['ls', '-l'\]$"):
        cluster.nodes[0].exec(["ls", "-l"])  # type: ignore[arg-type]
    assert engine.made("exec") == before


def test_kubectl_is_the_nodes(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["kubectl"], "pod/a\n")
    assert cluster.kubectl("get", "pods", "--output", "name") == "pod/a\n"
    assert engine.made("exec")[-1] == "kubectl get pods --output name"


def test_kubectl_reads_what_it_is_given(cluster: KindCluster, engine: FakeEngine) -> None:
    cluster.kubectl("apply", "-f", "-", input="kind: Pod")
    (_, archive) = engine.puts(cluster.nodes[0].container)[-1]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (file,) = tar.getmembers()
        content = tar.extractfile(file)
        assert content is not None
        assert (content.read(), f"{file.mode:o}") == (b"kind: Pod", "600")
    assert engine.made("exec")[-1] == f"""sh -c exec <"$1"; rm "$1"; shift; exec kubectl "$@" kubectl /{file.name} apply -f -"""


def test_kubectl_that_fails_is_a_command_error(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.answer(["kubectl"], "error: no such resource", code=1)
    with pytest.raises(CommandError, match="error: no such resource"):
        cluster.kubectl("get", "nonsense")


def test_an_image_goes_into_every_node(cluster: KindCluster, engine: FakeEngine) -> None:
    layout = Layout()
    descriptor = layout.image([b"layer"])
    layout.add(descriptor, "docker.io/library/mine:1")
    engine.add_image("mine:1", identity=layout.configuration(descriptor))
    engine.saved = layout.archive()
    cluster.load_image("mine:1")
    assert "docker.io/library/mine:1" in engine.containerd[cluster.nodes[0].container].images


def test_an_archive_goes_into_every_node(cluster: KindCluster, engine: FakeEngine, tmp_path: Path) -> None:
    layout = Layout()
    layout.add(layout.image([b"layer"]), "mine:1")
    (tmp_path / "saved.tar").write_bytes(layout.archive())
    assert cluster.load_archive(tmp_path / "saved.tar") == ("docker.io/library/mine:1",)
    assert "docker.io/library/mine:1" in engine.containerd[cluster.nodes[0].container].images


def test_an_image_that_the_engine_does_not_have(cluster: KindCluster) -> None:
    with pytest.raises(UnknownImage):
        cluster.load_image("nobody/has:it")


def test_the_client_is_one_and_speaks_to_the_cluster(cluster: KindCluster, api_server: ApiServer) -> None:
    assert cluster.client is cluster.client
    assert cluster.client.configuration.host == api_server.url


def test_deleting_twice_removes_once(cluster: KindCluster, engine: FakeEngine) -> None:
    cluster.delete()
    cluster.delete()
    assert engine.made("remove") == ["mine-control-plane"]
    assert engine.names == []


def test_deleting_that_failed_is_done_again(cluster: KindCluster, engine: FakeEngine) -> None:
    engine.fail("remove", EngineError("driver failed"))
    with pytest.raises(EngineError):
        cluster.delete()
    assert engine.names == ["mine-control-plane"]
    cluster.delete()
    assert engine.names == []


def test_letting_go_ends_the_renewal_and_leaves_the_cluster(cluster: KindCluster, engine: FakeEngine) -> None:
    renewal = cluster._site.renewal
    assert renewal is not None
    cluster.release()
    assert not renewal._thread.is_alive()
    assert engine.names == ["mine-control-plane"]

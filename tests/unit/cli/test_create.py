"""``create cluster``: kept, ready, and in the kubeconfig."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pytest_kind import cli, labels
from pytest_kind.cluster import Maker, Request
from pytest_kind.errors import Conflict
from pytest_kind.handle import KindCluster
from support.engine import FakeEngine
from support.processes import ASKED, listed


@pytest.fixture(autouse=True)
def _bootable(engine: FakeEngine) -> None:
    engine.add_node_image()
    engine.publish("127.0.0.1", 6000)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the maker of clusters was asked for."""
    asked: list[Request] = []
    make = Maker.make

    def recording(maker: Maker, request: Request) -> KindCluster:
        asked.append(request)
        return make(maker, request)

    monkeypatch.setattr(Maker, "make", recording)
    return asked


def create(*argv: str) -> int:
    return cli.main(["create", "cluster", *argv])


def context_in(file: Path) -> str:
    return str(yaml.safe_load(file.read_text(encoding="utf-8"))["current-context"])


def test_it_is_kept_and_kubectls_current_context(
    engine: FakeEngine, cache: Path, kubectl_file: Path, requests: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert create() == 0
    (node,) = engine.containers({labels.CLUSTER: "kind"})
    assert (node.name, node.running, labels.is_kept(node.labels)) == ("kind-control-plane", True, True)
    document = yaml.safe_load(kubectl_file.read_text(encoding="utf-8"))
    assert document["current-context"] == "kind-kind"
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6000"
    assert requests[0].timeout == 120
    said = capsys.readouterr()
    assert said.out == f"kind: cluster kind is ready; context kind-kind in {kubectl_file}\n"
    assert "kind: creating cluster kind: done in " in said.err
    assert list(cache.glob("sessions/*")) == []


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert create("-q") == 0
    assert capsys.readouterr() == ("", "")


def test_for_scripts(kubectl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create("--name", "dev", "-o", "json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said.pop("seconds").keys() == {"fake"}
    nodes = [{"name": "dev-control-plane", "role": "control-plane"}]
    assert said == {"name": "dev", "context": "kind-dev", "kubeconfig": str(kubectl_file), "nodes": nodes}


@pytest.mark.parametrize(
    ("flag", "variable", "file", "wanted"),
    [("f", "v", "c", "f"), (None, "v", "c", "v"), (None, None, "c", "c"), (None, "", None, "kind"), (None, None, None, "kind")],
)
def test_where_its_name_comes_from(
    flag: str | None,
    variable: str | None,
    file: str | None,
    wanted: str,
    engine: FakeEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv("KIND_CLUSTER_NAME", variable)
    (tmp_path / "kind.yaml").write_text(f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{f'name: {file}' if file else ''}\n", encoding="utf-8")
    assert create("--config", str(tmp_path / "kind.yaml"), *(["--name", flag] if flag else [])) == 0
    assert engine.names == [f"{wanted}-control-plane"]


@pytest.mark.parametrize(("argv", "variable", "source"), [(["--name", "No"], "ok", "--name"), ([], "No", "KIND_CLUSTER_NAME")])
def test_a_name_that_is_none(
    argv: list[str], variable: str, source: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KIND_CLUSTER_NAME", variable)
    assert create(*argv) == 2
    assert capsys.readouterr().err.startswith(f"pytest-kind: {source}: 'No' is no cluster name: ")
    assert engine.names == []


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1m30s", 90), ("0.5h", 1800), ("6000ms", 6), ("0", 120), ("0s", 120)]
)
@pytest.mark.parametrize("option", ["--wait", "--timeout"])
def test_how_long_it_may_take(option: str, given: str, seconds: float, requests: list[Request]) -> None:
    assert create(option, given) == 0
    assert requests[0].timeout == seconds


@pytest.mark.parametrize("given", ["soon", "5 m", "5m!", ""])
def test_a_duration_that_is_none(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        create(f"--wait={given}")
    assert caught.value.code == 2
    assert "--wait" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["1s", "2h", "nan"])
def test_a_duration_out_of_bounds(given: str, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(f"--wait={given}") == 2
    assert "is not accepted; accepted is from 5 s to 60 min, or 0 for the default" in capsys.readouterr().err
    assert engine.names == []


def test_an_image_is_for_all_nodes_whatever_the_configuration_says(engine: FakeEngine, tmp_path: Path, requests: list[Request]) -> None:
    engine.add_image("localhost/node:1", {labels.FACTS: '{"kubernetes": "v1.37.1"}'})
    text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane, image: other/node:2}]\n"
    (tmp_path / "kind.yaml").write_text(text, encoding="utf-8")
    assert create("--config", str(tmp_path / "kind.yaml"), "--image", "localhost/node:1") == 0
    assert (requests[0].image, requests[0].config.nodes[0].image) == ("localhost/node:1", None)


def test_the_other_options_reach_the_maker(engine: FakeEngine, requests: list[Request]) -> None:
    engine.add_node_image("v1.36.4")
    assert create("--version", "v1.36.4", "--network", "mine") == 0
    assert (requests[0].version, requests[0].network) == ("v1.36.4", "mine")
    assert engine.spec(engine.containers({})[0].id)["network"] == "mine"


def test_a_configuration_with_problems_makes_nothing(engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kind.yaml").write_text("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: 3\n", encoding="utf-8")
    assert create("--config", str(tmp_path / "kind.yaml")) == 2
    assert f"{tmp_path / 'kind.yaml'}: 1 problem\n  - nodes: " in capsys.readouterr().err
    assert engine.names == []


class TestTaken:
    def test_by_one_of_ours(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        assert create() == 0
        assert create() == 2
        assert capsys.readouterr().err.endswith(
            "pytest-kind: --name: there is a cluster 'kind' already (node kind-control-plane); "
            "`pytest-kind delete cluster kind` removes it, or choose another name\n"
        )
        assert len(engine.made("create")) == 1

    def test_by_kinds(self, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
        engine.add_container("theirs", {labels.CLUSTER: "kind"})
        assert create() == 2
        assert capsys.readouterr().err == (
            "pytest-kind: --name: there is a cluster 'kind' already that is not ours (node theirs); choose another name\n"
        )
        assert engine.names == ["theirs"]


class TestKubeconfig:
    def test_another_file(self, tmp_path: Path, kubectl_file: Path) -> None:
        assert create("--kubeconfig", str(tmp_path / "mine")) == 0
        assert context_in(tmp_path / "mine") == "kind-kind"
        assert not kubectl_file.exists()

    def test_none(self, kubectl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert create("--no-export") == 0
        assert not kubectl_file.exists()
        assert capsys.readouterr().out == "kind: cluster kind is ready\n"

    def test_one_that_is_broken_is_told_before_anything_is_made(
        self, engine: FakeEngine, kubectl_file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kubectl_file.parent.mkdir(parents=True)
        kubectl_file.write_text("clusters: nonsense\n", encoding="utf-8")
        assert create() == 2
        assert capsys.readouterr().err.startswith(f"pytest-kind: {kubectl_file}: is no kubeconfig and is left as it is: clusters: must be a list")
        assert engine.made("create") == []
        assert kubectl_file.read_text(encoding="utf-8") == "clusters: nonsense\n"


class TestTimeline:
    def test_it_shows_how_the_cluster_booted(self, engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        engine.answer(ASKED, listed())
        assert create("--timeline", str(tmp_path / "out/t.html")) == 0
        assert "cluster kind: ready after" in (tmp_path / "out/t.html").read_text(encoding="utf-8")
        assert (tmp_path / "out/t.trace.json").exists()
        # There is no API behind the fake engine's port.
        assert "pytest-kind: --timeline: cluster kind: its pods: " in capsys.readouterr().err

    def test_one_that_does_not_boot(self, engine: FakeEngine, tmp_path: Path) -> None:
        engine.answer(["fake-boot"], "no", code=1)
        engine.answer(ASKED, listed())
        assert create("--timeline", str(tmp_path / "t.svg")) == 1
        assert "cluster kind: did not boot" in (tmp_path / "t.svg").read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", ["t.png", "file/t.svg"])
    def test_a_file_that_cannot_be_is_refused_before_anything_is_made(
        self, name: str, engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").touch()
        assert create("--timeline", str(tmp_path / name)) == 2
        assert capsys.readouterr().err.startswith("pytest-kind: --timeline: ")
        assert engine.made("create") == []

    def test_without_it_no_node_is_asked(self, engine: FakeEngine) -> None:
        assert create() == 0
        assert [call for call in engine.execs("kind-control-plane") if "LC_ALL" in call] == []


class TestFailures:
    def test_nothing_is_left(self, engine: FakeEngine, cache: Path, kubectl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        engine.answer(["fake-boot"], "no", code=1)
        assert create() == 1
        assert "pytest-kind: cluster 'kind' did not boot, phase 'fake': " in capsys.readouterr().err
        assert engine.names == []
        assert list(cache.glob("sessions/*")) == []
        assert not kubectl_file.exists()

    def test_retain_leaves_the_nodes(self, engine: FakeEngine) -> None:
        engine.answer(["fake-boot"], "no", code=1)
        assert create("--retain") == 1
        assert engine.names == ["kind-control-plane"]
        assert cli.main(["delete", "cluster"]) == 0
        assert engine.names == []

    def test_what_is_retained_is_not_tried_again_under_its_own_name(self, engine: FakeEngine) -> None:
        engine.fail("start", Conflict("the port is taken"))
        assert create("--retain") == 1
        assert engine.made("create") == ["kind-control-plane"]

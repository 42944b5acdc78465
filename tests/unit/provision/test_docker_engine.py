"""The Docker engine's errors and answers in this package's words, without an engine."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import socket
import tarfile
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import requests
import urllib3

from pytest_kind import errors
from pytest_kind.provision import docker_engine
from pytest_kind.provision.docker_engine import DockerEngine
from pytest_kind.provision.provider import Bind, Container, ContainerSpec, Image, Network, Port, Result, Usage, Volume


def refusal(status: int, explanation: str, kind: type[docker.errors.APIError] = docker.errors.APIError) -> docker.errors.APIError:
    """What docker-py raises for an answer of the engine's."""
    response = requests.Response()
    response.status_code = status
    return kind("refused", response=response, explanation=explanation)


class Client:
    """In docker-py's place: answers what it is told, raises what it is told, and keeps what it was asked."""

    base_url = "http+docker://localhost"

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, args, kwargs))
            answer = self._answers[name]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call


def engine_of(**answers: Any) -> DockerEngine:
    return DockerEngine(Client(**answers))  # type: ignore[arg-type]


def add_context(folder: Path, name: str, address: str) -> None:
    """A context in a folder of the docker client's configuration."""
    place = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")  # docker-py looks for contexts beside it
    (place / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": address}}}), encoding="utf-8")


class TestErrors:
    @pytest.mark.parametrize(
        ("raised", "expected", "message"),
        [
            (refusal(404, "No such container: abc", docker.errors.NotFound), errors.NotFound, "starting container abc: No such container: abc"),
            (
                refusal(409, "the container is being removed"),
                errors.Conflict,
                "starting container abc: the container is being removed",
            ),
            (
                refusal(500, "Bind for 127.0.0.1:80 failed: port is already allocated"),
                errors.Conflict,
                "starting container abc: Bind for 127.0.0.1:80 failed: port is already allocated",
            ),
            (
                refusal(500, "listen tcp4 127.0.0.1:80: bind: address already in use"),
                errors.Conflict,
                "starting container abc: listen tcp4 127.0.0.1:80: bind: address already in use",
            ),
            (
                refusal(500, "write /var/lib/docker/tmp: No space left on device"),
                errors.EngineError,
                (
                    "starting container abc: the engine's disk is full (write /var/lib/docker/tmp: No space left on device); "
                    "make room (`docker system df` shows what takes it)"
                ),
            ),
            (refusal(500, "it broke"), errors.EngineError, "starting container abc: it broke"),
            (docker.errors.DockerException("odd"), errors.EngineGone, "starting container abc: the engine's connection failed: odd"),
            (
                requests.exceptions.ReadTimeout("read timed out"),
                errors.EngineGone,
                "starting container abc: the engine's connection failed: read timed out",
            ),
            (BrokenPipeError("broken pipe"), errors.EngineGone, "starting container abc: the engine's connection failed: broken pipe"),
            (urllib3.exceptions.ProtocolError("cut"), errors.EngineGone, "starting container abc: the engine's connection failed: cut"),
        ],
    )
    def test_each_becomes_one_of_ours_that_says_what_was_done(self, raised: Exception, expected: type[errors.KindError], message: str) -> None:
        with pytest.raises(errors.KindError) as caught:
            engine_of(start=raised).start("abc")
        assert type(caught.value) is expected
        assert str(caught.value) == message
        assert caught.value.__cause__ is raised

    def test_an_interrupt_is_nobodys_error(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            engine_of(start=KeyboardInterrupt()).start("abc")


class TestConnecting:
    @pytest.fixture(autouse=True)
    def _sockets(self) -> Iterator[None]:
        """docker-py does not close the socket of a connection that was refused."""
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def test_no_engine_at_the_address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        where = f"unix://{tmp_path}/none.sock"
        monkeypatch.setenv("DOCKER_HOST", where)
        with pytest.raises(errors.EngineUnavailable) as caught:
            docker_engine.connect()
        message = str(caught.value)
        assert message.startswith(f"no container engine answers at {where}: ")
        assert "No such file or directory" in message
        assert message.endswith("; start an engine, or name one that runs (DOCKER_HOST, `docker context use`)")

    def test_an_engine_that_has_ended_left_its_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "engine.sock"
        with socket.socket(socket.AF_UNIX) as ended:
            ended.bind(str(path))
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with pytest.raises(errors.EngineUnavailable, match=r"^no container engine answers at .*Connection refused"):
            docker_engine.connect()

    def test_a_context_names_the_address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        where = f"unix://{tmp_path}/none.sock"
        add_context(tmp_path, "odd", where)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("DOCKER_CONTEXT", "odd")
        with pytest.raises(errors.EngineUnavailable, match=rf"^no container engine answers at {where}: "):
            docker_engine.connect()

    def test_an_address_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", "nonsense://x:y:z")
        with pytest.raises(errors.EngineUnavailable, match=r"^no container engine answers at nonsense://x:y:z: "):
            docker_engine.connect()

    @pytest.mark.parametrize(
        "text", ["('Connection aborted.', PermissionError(13, 'Permission denied'))", "dial unix /var/run/docker.sock: Permission denied"]
    )
    def test_an_engine_that_this_user_may_not_use(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        # A socket without permission stops everybody but root, so docker-py's words for it stand in.
        def refuses(**_: object) -> None:
            raise docker.errors.DockerException(f"Error while fetching server API version: {text}")

        monkeypatch.setattr("docker.from_env", refuses)
        with pytest.raises(errors.EngineUnavailable) as caught:
            docker_engine.connect()
        assert str(caught.value) == (
            "no permission to use the engine at docker's default address (no DOCKER_HOST set): "
            f"Error while fetching server API version: {text}; join its group (`docker` on most systems) or name another with DOCKER_HOST"
        )


class TestVersion:
    """Which of its API an engine speaks, learned without its ``/version``, for which it asks containerd and runc."""

    @pytest.fixture
    def answers(self) -> dict[str, tuple[int, dict[str, str], bytes]]:
        """Status, header and body by path."""
        return {"/_ping": (200, {"Api-Version": "1.45"}, b"OK"), "/version": (200, {}, b'{"ApiVersion": "1.46"}')}

    @pytest.fixture
    def asked(self, answers: dict[str, tuple[int, dict[str, str], bytes]], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """What an engine on loopback was asked."""
        paths: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Keeps standard error clean."""

            def do_GET(self) -> None:
                paths.append(self.path)
                status, headers, body = answers.get(self.path, (404, {}, b"{}"))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                """The first words of an answer that goes on, and then the end."""
                paths.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b'17\r\n{"status": "Pulling"}\r\n\r\n30\r\nhalf')

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_address[1]}")
            yield paths
            server.shutdown()
            thread.join()

    def test_an_engine_that_ends_within_its_answer(self, asked: list[str], tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
        engine = docker_engine.connect(5)
        try:
            with pytest.raises(errors.NotFound, match=r"^pulling a:1: .*Connection broken"):
                engine.pull("a:1", 5)
            with pytest.raises(errors.EngineGone, match=rf"^building {tmp_path}: the engine's connection failed: .*Connection broken"):
                engine.build(tmp_path, dockerfile="Dockerfile", tag="a:1", labels={}, arguments={})
        finally:
            engine.close()
        assert [path.partition("?")[0] for path in asked] == ["/_ping", "/v1.45/images/create", "/v1.45/build"]

    def version(self) -> str:
        engine = docker_engine.connect(5)
        try:
            return str(engine._api.api_version)
        finally:
            engine.close()

    def test_a_ping_says_it(self, asked: list[str]) -> None:
        assert self.version() == "1.45"
        assert asked == ["/_ping"]

    def test_where_a_ping_does_not_docker_py_finds_out(self, asked: list[str], answers: dict[str, tuple[int, dict[str, str], bytes]]) -> None:
        answers["/_ping"] = (200, {}, b"OK")
        assert self.version() == "1.46"
        assert asked == ["/_ping", "/version"]

    def test_an_engine_that_knows_neither_is_none(self, asked: list[str], answers: dict[str, tuple[int, dict[str, str], bytes]]) -> None:
        answers.clear()
        with pytest.raises(errors.EngineUnavailable, match=r"^no container engine answers at tcp://127\.0\.0\.1:\d+: "):
            docker_engine.connect(5)
        assert asked == ["/_ping", "/version"]


class TestInfo:
    def test_it_is_asked_for_once(self) -> None:
        client = Client(info={"Architecture": "x86_64"})
        engine = DockerEngine(client)  # type: ignore[arg-type]
        assert engine.info() is engine.info()
        assert [name for name, _, _ in client.asked] == ["info"]

    def test_an_engine_that_did_not_answer_is_asked_again(self) -> None:
        answers: dict[str, Any] = {"info": refusal(500, "it broke")}
        engine = engine_of(**answers)
        with pytest.raises(errors.EngineError, match=r"^asking the engine what it is: it broke$"):
            engine.info()
        engine._api._answers["info"] = {"Architecture": "aarch64"}
        assert engine.info().architecture == "arm64"

    @pytest.mark.parametrize(("said", "architecture"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", "riscv64")])
    def test_the_architecture_in_gos_words(self, said: str, architecture: str) -> None:
        assert engine_of(info={"Architecture": said}).info().architecture == architecture

    def test_what_the_engine_says(self) -> None:
        said = {
            "ServerVersion": "26.1.5",
            "Architecture": "x86_64",
            "CgroupVersion": "2",
            "Driver": "overlay2",
            "NCPU": 4,
            "MemTotal": 8,
            "SecurityOptions": ["name=seccomp", "name=rootless"],
        }
        found = engine_of(info=said).info()
        assert (found.name, found.cgroup_version, found.storage_driver) == ("Docker 26.1.5", 2, "overlay2")
        assert (found.cpus, found.memory, found.rootless, found.local) == (4, 8, True, True)

    @pytest.mark.parametrize(
        ("base_url", "host", "local"),
        [
            ("http+docker://localhost", "", True),
            ("http://127.0.0.1:2375", "tcp://127.0.0.1:2375", True),
            ("https://engine.example:2376", "tcp://engine.example:2376", False),
            ("http+docker://ssh", "ssh://me@engine.example", False),
        ],
    )
    def test_whether_its_ports_are_on_this_machine(self, monkeypatch: pytest.MonkeyPatch, base_url: str, host: str, local: bool) -> None:
        if host:
            monkeypatch.setenv("DOCKER_HOST", host)
        client = Client(info={})
        client.base_url = base_url
        assert DockerEngine(client).info().local is local  # type: ignore[arg-type]


class TestContainers:
    def test_a_plan_becomes_one_request(self) -> None:
        client = Client(create_host_config="the host config", create_container={"Id": "abc"})
        spec = ContainerSpec(
            name="c-control-plane",
            image="sha256:node",
            labels={"a": "b"},
            environment={"KUBECONFIG": "/k"},
            ports=[Port(container=6443), Port(container=53, host=5353, address="::1", protocol="udp")],
            binds=[Bind(source="/data", target="/mnt", read_only=True, propagation="rslave")],
            tmpfs={"/run": ""},
            volume="/var",
            restart_once=True,
        )
        assert DockerEngine(client).create(spec) == "abc"  # type: ignore[arg-type]
        (_, _, host), (_, _, made) = client.asked
        assert host["port_bindings"] == {"6443/tcp": [("127.0.0.1", None)], "53/udp": [("::1", 5353)]}
        assert host["restart_policy"] == {"Name": "on-failure", "MaximumRetryCount": 1}
        assert (host["privileged"], host["cgroupns"], host["tmpfs"], host["network_mode"]) == (True, "private", {"/run": ""}, "bridge")
        assert host["mounts"] == [
            {
                "Target": "/mnt",
                "Source": "/data",
                "Type": "bind",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rslave", "CreateMountpoint": True},
            },
            {"Target": "/var", "Source": None, "Type": "volume", "ReadOnly": False, "VolumeOptions": {"Labels": {"a": "b"}}},
        ]
        assert (made["name"], made["hostname"], made["image"], made["labels"]) == ("c-control-plane", "c-control-plane", "sha256:node", {"a": "b"})
        assert made["ports"] == [(6443, "tcp"), (53, "udp")]
        assert (made["entrypoint"], made["command"], made["tty"], made["host_config"]) == (None, None, True, "the host config")

    def test_what_a_machine_of_several_has_besides(self) -> None:
        client = Client(create_host_config="the host config", create_container={"Id": "abc"})
        spec = ContainerSpec(
            name="c-worker",
            image="sha256:node",
            labels={},
            binds=[Bind(source="/data", target="/mnt", read_only=True, relabel=True), Bind(source="/more", target="/more", relabel=True)],
            named_volumes={"c-shared": "/kind/shared"},
            mac="02:00:00:00:00:02",
            cpus=1.5,
            memory=1 << 30,
            stop_signal="SIGTERM",
        )
        DockerEngine(client).create(spec)  # type: ignore[arg-type]
        (_, _, host), (_, _, made) = client.asked
        assert host["binds"] == ["/data:/mnt:ro,Z,rprivate", "/more:/more:rw,Z,rprivate"]
        assert [(mount["Source"], mount["Target"], mount["VolumeOptions"]) for mount in host["mounts"]] == [
            ("c-shared", "/kind/shared", {"NoCopy": True})
        ]
        assert (host["nano_cpus"], host["mem_limit"], host["memswap_limit"]) == (1_500_000_000, 1 << 30, 1 << 30)
        assert (made["mac_address"], made["stop_signal"]) == ("02:00:00:00:00:02", "SIGTERM")

    def test_containers_of_the_engines_list(self) -> None:
        listed = {
            "Id": "abcdef0123456789",
            "Names": ["/c-control-plane"],
            "ImageID": "sha256:i",
            "Labels": {"a": "b"},
            "State": "running",
            "Mounts": [{"Type": "volume", "Name": "v"}, {"Type": "bind", "Source": "/"}],
        }
        client = Client(containers=[listed, {"Id": "abcdef0123456789", "ImageID": "sha256:i", "State": "dead"}])
        assert DockerEngine(client).containers({"a": "b", "c": None}) == [  # type: ignore[arg-type]
            Container(id="abcdef0123456789", name="c-control-plane", image="sha256:i", labels={"a": "b"}, state="running", volumes=("v",)),
            Container(id="abcdef0123456789", name="abcdef012345", image="sha256:i", labels={}, state="dead"),
        ]
        assert client.asked == [("containers", (), {"all": True, "filters": {"label": ["a=b", "c"]}})]

    def test_a_container_by_name(self) -> None:
        found = {"Id": "abc", "Name": "/n", "Image": "i", "Config": {"Labels": None}, "State": {"Status": "exited"}, "Mounts": []}
        assert engine_of(inspect_container=found).container("n") == Container(id="abc", name="n", image="i", labels={}, state="exited")

    def test_what_is_not_there_is_none(self) -> None:
        gone = refusal(404, "No such", docker.errors.NotFound)
        assert engine_of(inspect_container=gone).container("n") is None
        assert engine_of(inspect_image=gone).image("n") is None

    @pytest.mark.parametrize("raised", [refusal(404, "No such", docker.errors.NotFound), refusal(409, "removal is in progress")])
    def test_removing_what_is_gone_or_going_is_no_error(self, raised: Exception) -> None:
        engine = engine_of(remove_container=raised, remove_volume=raised)
        engine.remove("abc")
        engine.remove_volume("v")

    def test_removing_takes_volumes_and_does_not_ask_whether_it_runs(self) -> None:
        client = Client(remove_container=None)
        DockerEngine(client).remove("abc")  # type: ignore[arg-type]
        assert client.asked == [("remove_container", ("abc",), {"v": True, "force": True})]

    def test_an_engine_that_cannot_remove_says_so(self) -> None:
        with pytest.raises(errors.EngineError, match=r"^removing container abc: driver failed$"):
            engine_of(remove_container=refusal(500, "driver failed")).remove("abc")

    def test_a_command_is_bounded_and_its_streams_are_kept_apart(self) -> None:
        client = Client(exec_create={"Id": "e"}, exec_start=said(b"\1\0\0\0\0\0\0\3out", b"\2\0\0\0\0\0\0\3err"), exec_inspect=ended(3))
        result = DockerEngine(client).exec("abc", ["ls", "/"], seconds=2.5, environment={"A": "b"})  # type: ignore[arg-type]
        assert result == Result(3, "out", "outerr")
        assert client.asked[0] == (
            "exec_create",
            ("abc", ["timeout", "--kill-after=2", "2.500", "ls", "/"]),
            {"environment": {"A": "b"}},
        )

    def test_a_command_that_prints_nothing(self) -> None:
        engine = engine_of(exec_create={"Id": "e"}, exec_start=said(), exec_inspect=ended(0))
        assert engine.exec("abc", ["true"]) == Result(0, "", "")

    def test_volumes_of_the_engines_list(self) -> None:
        listed = {"Volumes": [{"Name": "v", "Labels": {"a": "b"}}, {"Name": "w", "Labels": None}]}
        assert engine_of(volumes=listed).volumes({}) == [Volume(name="v", labels={"a": "b"}), Volume(name="w", labels={})]
        assert engine_of(volumes={"Volumes": None}).volumes({}) == []

    def test_a_file_of_a_container_is_read_from_the_start(self) -> None:
        with engine_of(get_archive=(iter([b"ab", b"cd"]), {})).get("abc", "/kind/version") as archive:
            assert archive.read() == b"abcd"


def said(*frames: bytes) -> socket.socket:
    """A connection on which a command said that and ended."""
    ours, engines = socket.socketpair()
    with engines:
        engines.sendall(b"".join(frames))
    return ours


def ended(code: int) -> dict[str, Any]:
    """What the engine knows of such a command."""
    return {"Running": False, "ExitCode": code}


class TestPorts:
    def test_where_a_port_is_published(self) -> None:
        engine = engine_of(port=[{"HostIp": "127.0.0.1", "HostPort": "34567"}], info={})
        assert engine.published_port("abc", 6443) == ("127.0.0.1", 34567)

    def test_a_port_that_is_not(self) -> None:
        with pytest.raises(errors.EngineError, match=r"^container abc publishes no port for 6443$"):
            engine_of(port=None).published_port("abc", 6443)

    def test_another_machines_engine_publishes_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example:2376")
        client = Client(port=[{"HostIp": "0.0.0.0", "HostPort": "34567"}], info={})  # noqa: S104
        client.base_url = "https://engine.example:2376"
        assert DockerEngine(client).published_port("abc", 6443) == ("engine.example", 34567)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("base_url", "address"), [("http://engine.example:2375", "tcp://engine.example:2375"), ("http+docker://ssh", "ssh://me@engine.example")]
    )
    @pytest.mark.parametrize("chosen", ["environment", "file"])
    def test_and_so_does_that_of_a_context(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base_url: str, address: str, chosen: str) -> None:
        add_context(tmp_path, "far", address)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        if chosen == "environment":
            monkeypatch.setenv("DOCKER_CONTEXT", "far")
        else:
            (tmp_path / "config.json").write_text('{"currentContext": "far"}', encoding="utf-8")
        client = Client(port=[{"HostIp": "0.0.0.0", "HostPort": "34567"}], info={})  # noqa: S104
        client.base_url = base_url
        engine = DockerEngine(client)  # type: ignore[arg-type]
        assert engine.published_port("abc", 6443) == ("engine.example", 34567)
        assert (engine.info().address, engine.info().local) == (address, False)


class TestExecWithInput:
    def test_its_exit_code_is_waited_for(self) -> None:
        ours, engines = socket.socketpair()
        states = iter([{"Running": True, "ExitCode": None}, {"Running": False, "ExitCode": 3}])
        client = Client(exec_create={"Id": "e"}, exec_start=ours)
        client.exec_inspect = lambda _: next(states)  # type: ignore[attr-defined]
        with engines:
            engines.sendall(b"\x02\0\0\0\0\0\0\x04oops")
            engines.shutdown(socket.SHUT_WR)
            result = DockerEngine(client).exec_with_input("abc", ["cat"], [b"x"], seconds=5)  # type: ignore[arg-type]
        assert result == Result(3, "", "oops")
        assert ours.fileno() == -1
        assert client.asked[0] == ("exec_create", ("abc", ["timeout", "--kill-after=2", "5.000", "cat"]), {"stdin": True})

    @pytest.mark.parametrize("address", ["https://engine.example:2376", "http+docker://ssh"])
    def test_where_the_end_of_input_cannot_be_sent_it_is_a_file(self, address: str) -> None:
        got = io.BytesIO()
        client = Client(exec_create={"Id": "e"}, exec_start=said(b"\1\0\0\0\0\0\0\3out"), exec_inspect=ended(0))
        client.base_url = address
        client.put_archive = lambda _, __, archive: got.writelines(archive)  # type: ignore[attr-defined]
        assert DockerEngine(client).exec_with_input("abc", ["cat"], [b"one", b"two"]) == Result(0, "out", "out")  # type: ignore[arg-type]
        with tarfile.open(fileobj=io.BytesIO(got.getvalue())) as tar:
            (member,) = tar.getmembers()
            content = tar.extractfile(member)
            assert content is not None
            assert (content.read(), f"{member.mode:o}") == (b"onetwo", "600")
        command = client.asked[0][1][1]
        assert command[3:] == ["sh", "-c", 'exec <"$1"; rm "$1"; shift; exec "$@"', "sh", f"/{member.name}", "cat"]


class TestImages:
    def test_an_image(self) -> None:
        found = {
            "Id": "sha256:i",
            "RepoTags": ["a:1"],
            "Architecture": "amd64",
            "Config": {"Labels": {"a": "b"}, "Entrypoint": ["/usr/local/bin/entrypoint", "/sbin/init"]},
        }
        assert engine_of(inspect_image=found).image("a:1") == Image(
            id="sha256:i", tags=("a:1",), labels={"a": "b"}, architecture="amd64", entrypoint=("/usr/local/bin/entrypoint", "/sbin/init")
        )

    def test_an_image_with_nothing_in_its_configuration(self) -> None:
        assert engine_of(inspect_image={"Id": "i", "Config": None}).image("a") == Image(id="i", tags=(), labels={}, architecture="")

    def test_an_import_carries_labels(self) -> None:
        client = Client(import_image_from_data=None)
        DockerEngine(client).import_image(io.BytesIO(b"tar"), "pytest-kind/base:1", {"a": "b"})  # type: ignore[arg-type]
        assert client.asked[0][2] == {"repository": "pytest-kind/base", "tag": "1", "changes": ['LABEL "a"="b"']}

    def test_a_commit_states_everything_and_empties_what_the_builder_would_pass_on(self) -> None:
        builder = {"Id": "abc", "Name": "/b", "Image": "sha256:o", "State": {"Status": "exited"}}
        builder["Config"] = {"Labels": {"io.pytest-kind.session": "s", "a": "old"}}
        client = Client(commit={"Id": "sha256:i"}, inspect_image={"Id": "sha256:i"}, inspect_container=builder)
        made = DockerEngine(client).commit("abc", "n:1", labels={"a": "b"}, entrypoint=["/e"], environment={"P": "q"})  # type: ignore[arg-type]
        assert made.id == "sha256:i"
        (conf,) = [keywords["conf"] for name, _, keywords in client.asked if name == "commit"]
        assert conf == {
            "Labels": {"a": "b", "io.pytest-kind.session": ""},
            "Entrypoint": ["/e"],
            "Cmd": None,
            "Env": ["P=q"],
            "StopSignal": "SIGRTMIN+3",
            "Hostname": "",
        }


class TestNetworks:
    def test_subnets_and_the_addresses_of_the_engines_machine(self) -> None:
        blocks = [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}, {"Subnet": "fd01::/64", "Gateway": "fd01::1/64"}, {"Subnet": "10.9.0.0/24"}]
        found = engine_of(inspect_network={"IPAM": {"Config": blocks}}).network("kind")
        assert found == Network(subnets=("172.17.0.0/16", "fd01::/64", "10.9.0.0/24"), gateways=("172.17.0.1", "fd01::1"))

    @pytest.mark.parametrize("said", [{}, {"IPAM": {"Config": None}}, {"IPAM": {"Config": []}}])
    def test_the_hosts_own_has_neither(self, said: dict[str, Any]) -> None:
        assert engine_of(inspect_network=said).network("host") == Network(subnets=(), gateways=())

    def test_one_that_is_not_there(self) -> None:
        missing = refusal(404, "network nope not found", docker.errors.NotFound)
        with pytest.raises(errors.NotFound, match=r"^looking for network nope: network nope not found$"):
            engine_of(inspect_network=missing).network("nope")

    def test_addresses_by_network(self) -> None:
        networks = {
            "bridge": {"NetworkID": "1", "IPAddress": "172.17.0.2"},
            "six": {"NetworkID": "2", "IPAddress": "", "GlobalIPv6Address": "fd00::2"},
            "none": {"NetworkID": "3", "IPAddress": ""},
        }
        assert engine_of(inspect_container={"NetworkSettings": {"Networks": networks}}).addresses("c") == {"1": "172.17.0.2", "2": "fd00::2"}
        assert engine_of(inspect_container={"NetworkSettings": {"Networks": None}}).addresses("c") == {}

    def test_its_layers(self) -> None:
        image = engine_of(inspect_image={"Id": "i", "RootFS": {"Type": "layers", "Layers": ["sha256:a", "sha256:b"]}}).image("a")
        assert image is not None
        assert image.layers == ("sha256:a", "sha256:b")

    def test_images_are_saved_in_one_call_that_is_closed(self) -> None:
        response = Response([b"one", b"two"])
        client = Client(_url="/images/get", _get=response, _raise_for_status=None)
        with DockerEngine(client).save_images(["a:1", "b:2"]) as pieces:  # type: ignore[arg-type]
            assert list(pieces) == [b"one", b"two"]
            assert not response.closed
        assert response.closed
        assert client.asked[1] == ("_get", ("/images/get",), {"params": {"names": ["a:1", "b:2"]}, "stream": True, "timeout": 1800})

    def test_saving_that_breaks_off(self) -> None:
        response = Response([b"one", requests.exceptions.ChunkedEncodingError("cut")])
        engine = engine_of(_url="/images/get", _get=response, _raise_for_status=None)
        with engine.save_images(["a:1"]) as pieces, pytest.raises(errors.EngineError, match=r"^saving a:1: the engine's connection failed: cut$"):
            list(pieces)
        assert response.closed

    def test_saving_that_is_refused(self) -> None:
        response = Response([])
        engine = engine_of(_url="/images/get", _get=response, _raise_for_status=refusal(404, "No such image", docker.errors.NotFound))
        with pytest.raises(errors.NotFound, match=r"^saving a:1: No such image$"), engine.save_images(["a:1"]):
            pass
        assert response.closed

    def test_what_a_build_would_get(self, tmp_path: Path) -> None:
        for name in ("Dockerfile", "kept", "secret", "folder/a.log", "folder/b"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert "secret" in engine_of().context_files(tmp_path, "Dockerfile")
        (tmp_path / ".dockerignore").write_text("# a word\nsecret\n**/*.log\nDockerfile\n", encoding="utf-8")
        assert engine_of().context_files(tmp_path, "Dockerfile") == [".dockerignore", "Dockerfile", "folder", "folder/b", "kept"]

    def test_a_build(self, tmp_path: Path) -> None:
        client = Client(build=iter([{"stream": "Step 1/1"}, {"aux": {"ID": "sha256:i"}}]))
        DockerEngine(client).build(tmp_path, dockerfile="D", tag="a:1", labels={"l": "1"}, arguments={"A": "b"})  # type: ignore[arg-type]
        asked = client.asked[0][2]
        assert {key: asked[key] for key in ("path", "dockerfile", "tag", "labels", "buildargs")} == {
            "path": str(tmp_path),
            "dockerfile": "D",
            "tag": "a:1",
            "labels": {"l": "1"},
            "buildargs": {"A": "b"},
        }

    def test_a_build_that_fails_shows_its_last_lines(self, tmp_path: Path) -> None:
        lines = [*({"stream": f"line {number}\n"} for number in range(40)), {"error": "The command returned 1"}]
        with pytest.raises(errors.ImageError) as caught:
            engine_of(build=iter(lines)).build(tmp_path, dockerfile="D", tag="a:1", labels={}, arguments={})
        told = str(caught.value).splitlines()
        assert told[0] == f"building {tmp_path} failed: The command returned 1; the builder's last lines:"
        assert told[1:] == [f"line {number}" for number in range(10, 40)]


class Response:
    """A streamed answer of the engine's."""

    def __init__(self, pieces: list[Any]) -> None:
        self._pieces, self.closed = pieces, False

    def iter_content(self, _: int) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed = True


class TestUsage:
    """What a container uses, on either version of cgroups."""

    @pytest.mark.parametrize(
        ("details", "memory"),
        [
            ({"total_inactive_file": 300, "inactive_file": 7}, 700),  # version 1
            ({"inactive_file": 400}, 600),  # version 2
            ({}, 1000),
            ({"inactive_file": 4000}, 0),
        ],
    )
    def test_pages_of_files_that_nobody_used_lately_do_not_count(self, details: dict[str, int], memory: int) -> None:
        stats = {"cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}}, "memory_stats": {"usage": 1000, "stats": details}}
        client = Client(stats=stats)
        assert DockerEngine(client).usage("abc") == Usage(cpu=2.5, memory=memory)  # type: ignore[arg-type]
        assert client.asked == [("stats", ("abc",), {"stream": False, "one_shot": True})]

    @pytest.mark.parametrize(
        "stats",
        [
            {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}},  # it is off
            refusal(404, "No such container: abc", docker.errors.NotFound),
            refusal(409, "the container is being removed"),
        ],
    )
    def test_one_that_does_not_run_uses_nothing(self, stats: Any) -> None:
        assert engine_of(stats=stats).usage("abc") is None

    def test_an_engine_that_fails_says_why(self) -> None:
        with pytest.raises(errors.EngineError, match=r"^asking what abc uses: it is broken$"):
            engine_of(stats=refusal(500, "it is broken")).usage("abc")

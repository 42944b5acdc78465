"""Networks as users have them: registries, mirrors, certificates, proxies, name servers.

The registry is the session's, the first tests' cluster is everybody's; the others have one that is configured for all of it
at once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from kubernetes.client import ApiClient, CoreV1Api

from pytest_kind import labels
from pytest_kind.image.archive import texts_archive
from pytest_kind.lease.sweep import sweep
from pytest_kind.options import resolve
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import ContainerSpec, Provider
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind import KindCluster
    from pytest_kind.toolbox.registry import Registry

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
SECURE_HOST, SECURE_PORT = "secure-registry.test", 5443
PROXY = "http://user:p%40ss@127.0.0.1:9"
WAITS_WITH_A_REGISTRY = """
import pathlib, time
def test_it(kind_registry):
    pathlib.Path("up").write_text(kind_registry.container)
    time.sleep(600)
"""
# Answers for one name; whatever else it is asked for does not exist.
NAME_SERVER = """
use strict; use Socket;
socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die; bind($socket, sockaddr_in(53, INADDR_ANY)) or die;
while (defined(my $from = recv($socket, my $query, 512, 0))) {
    my ($name, $at) = ('', 12);
    while (my $length = unpack('C', substr($query, $at, 1))) { $name .= lc(substr($query, $at + 1, $length)) . '.'; $at += $length + 1 }
    my ($known, $type) = ($name eq 'www.outward.test.', unpack('n', substr($query, $at + 1, 2)));
    my $answer = $known && $type == 1 ? pack('nnnNn', 0xc00c, 1, 1, 5, 4) . inet_aton('192.0.2.7') : '';
    my $head = substr($query, 0, 2) . pack('nnnnn', $known ? 0x8580 : 0x8583, 1, $answer ? 1 : 0, 0, 0);
    send($socket, $head . substr($query, 12, $at - 12 + 5) . $answer, 0, $from);
}
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    connected = docker_engine.connect()
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def pushed(kind_registry: Registry, provider: Provider) -> Callable[[str], str]:
    """Pushes a small image under a name of the registry's, as ``docker push`` does, and leaves none in the engine."""

    def push(name: str) -> str:
        tag = f"{kind_registry.address}/{name}"
        client = docker.from_env()
        try:
            with provider.get(kind_registry.container, "/bin/busybox") as archive:
                provider.import_image(archive, tag, {})
            said = list(client.api.push(tag, stream=True, decode=True))
        finally:
            provider.remove_image(tag)
            client.close()
        assert not [one for one in said if "error" in one], said
        return tag

    return push


def run_pod(cluster: KindCluster, namespace: str, name: str, image: str) -> None:
    """A pod of an image that is pulled, whatever the node has, and ends well."""
    cluster.kubectl(
        "run", name, "-n", namespace, f"--image={image}", "--image-pull-policy=Always", "--restart=Never", "--command", "--", "/busybox", "true"
    )
    cluster.kubectl("wait", "-n", namespace, f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")


def run_script(cluster: KindCluster, namespace: str, name: str, script: str) -> None:
    """A pod of the node image's busybox that runs a script to a good end."""
    cluster.kubectl("run", name, "-n", namespace, f"--image={BUSYBOX}", "--restart=Never", "--", "sh", "-ec", script)
    cluster.kubectl("wait", "-n", namespace, f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")


class TestRegistry:
    def test_what_is_pushed_is_pulled_by_both_names(
        self, kind_registry: Registry, kind_cluster: KindCluster, kind_namespace: str, pushed: Callable[[str], str]
    ) -> None:
        tag = pushed("team/app:1")
        run_pod(kind_cluster, kind_namespace, "by-address", tag)
        run_pod(kind_cluster, kind_namespace, "by-name", f"{kind_registry.name}/team/app:1")

    def test_it_stands_for_another_registry(
        self, kind_registry: Registry, kind_cluster: KindCluster, kind_namespace: str, pushed: Callable[[str], str]
    ) -> None:
        pushed("library/only-here:1")
        kind_registry.attach(kind_cluster, "docker.io")
        run_pod(kind_cluster, kind_namespace, "mirrored", "only-here:1")

    def test_the_cluster_announces_it(self, kind_registry: Registry, kind_client: ApiClient) -> None:
        announced = CoreV1Api(kind_client).read_namespaced_config_map("local-registry-hosting", "kube-public").data["localRegistryHosting.v1"]
        assert json.loads(announced) == {
            "host": kind_registry.address,
            "hostFromContainerRuntime": "kind-registry:5000",
            "hostFromClusterNetwork": kind_registry.endpoint.removeprefix("http://"),
            "help": "https://kind.sigs.k8s.io/docs/user/local-registry/",
        }

    @pytest.mark.alone  # any other run on this engine would sweep it before its lease is out
    def test_a_killed_runs_ends_by_itself_and_is_swept(self, provider: Provider, pytestconfig: pytest.Config, tmp_path: Path) -> None:
        cache = resolve(pytestconfig).cache_dir
        up = tmp_path / "up"
        (tmp_path / "test_it.py").write_text(WAITS_WITH_A_REGISTRY, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", f"--kind-cache-dir={cache}", "--kind-lease=10", "-p", "no:cacheprovider", "-q"]
        with (tmp_path / "output").open("w+", encoding="utf-8") as output:
            process = subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT)
            try:

                def started() -> NotYet | str:
                    assert process.poll() is None, (tmp_path / "output").read_text(encoding="utf-8")
                    return (up.exists() and up.read_text(encoding="utf-8")) or NotYet("no registry yet")

                container = wait_for("the run has its registry", started, Deadline(180))
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()

        def ended() -> NotYet | bool:
            there = provider.container(container)
            return (there is not None and there.state == "exited") or NotYet(f"it is {there.state if there else 'gone'}")

        wait_for("the registry ends with its lease", ended, Deadline(40), every=0.5)
        assert "lease ran out after 10 s" in provider.logs(container, 5)
        there = provider.container(container)
        assert there is not None
        assert there.labels[labels.KIND] == "registry"
        # What the next run does at its start.
        assert f"container {there.name}" in sweep(provider, cache).removed
        assert provider.container(container) is None
        assert not {one.name for one in provider.volumes({labels.SESSION: there.labels[labels.SESSION]})}


@dataclass(frozen=True)
class Surroundings:
    """A cluster that was configured for all of it, and where its registry and name server are."""

    cluster: KindCluster
    server: str
    authority: str


@pytest.fixture(scope="module")
def surrounded(
    kind_registry: Registry, kind_cluster_factory: Callable[..., KindCluster], provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Surroundings]:
    server = kind_registry.endpoint.removeprefix("http://").removesuffix(":5000")
    authority = _serve_with_certificate(provider, kind_registry.container)
    file = tmp_path_factory.mktemp("authority") / "authority.pem"
    file.write_text(authority, encoding="ascii")
    config = {
        "networking": {"dnsSearch": []},
        # The first endpoint is nobody: the second is asked then.
        "registryMirrors": {"docker.io": ["http://127.0.0.1:1", kind_registry.endpoint]},
        "caCertificates": [str(file)],
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTPS_PROXY", "https_proxy", "http_proxy", "NO_PROXY"):
            patch.delenv(name, raising=False)
        patch.setenv("HTTP_PROXY", PROXY)
        patch.setenv("HTTPS_PROXY", PROXY)
        patch.setenv("no_proxy", "secure-registry.test,127.0.0.1")
        cluster = kind_cluster_factory(config)
    node = cluster.nodes[0]
    node.exec("sh", "-c", f"echo {server} {SECURE_HOST} >>/etc/hosts")
    yield Surroundings(cluster, server, authority)
    cluster.delete()


def _serve_with_certificate(provider: Provider, container: str) -> str:
    """What the registry has, by TLS as well; the certificate of the authority that vouches for it."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    script = f"""
      mkdir /tls && cd /tls
      openssl req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=authority -addext basicConstraints=critical,CA:TRUE
      openssl req {key} -keyout tls.key -out tls.csr -subj /CN={SECURE_HOST} -addext subjectAltName=DNS:{SECURE_HOST}
      openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out tls.crt -copy_extensions copyall
      export REGISTRY_HTTP_ADDR=:{SECURE_PORT} REGISTRY_HTTP_TLS_CERTIFICATE=/tls/tls.crt REGISTRY_HTTP_TLS_KEY=/tls/tls.key
      setsid registry serve /kind/registry.yml </dev/null >/tls/log 2>&1 &
    """
    made = provider.exec(container, ["sh", "-ec", script])
    assert made.code == 0, made.output
    asked = provider.exec(
        container,
        ["curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "--insecure", f"https://127.0.0.1:{SECURE_PORT}/v2/"],
    )
    assert asked.code == 0, asked.output
    return provider.exec(container, ["cat", "/tls/ca.crt"]).stdout


@pytest.mark.alone
class TestAtBoot:
    def test_mirrors_are_asked_in_their_order(self, surrounded: Surroundings, pushed: Callable[[str], str]) -> None:
        pushed("library/behind-a-dead-one:1")
        run_pod(surrounded.cluster, "default", "mirrored", "docker.io/library/behind-a-dead-one:1")

    def test_a_registry_that_an_authority_of_ones_own_vouches_for(self, surrounded: Surroundings, pushed: Callable[[str], str]) -> None:
        pushed("team/secured:1")
        run_pod(surrounded.cluster, "default", "secured", f"{SECURE_HOST}:{SECURE_PORT}/team/secured:1")

    def test_the_node_and_its_control_plane_trust_it(self, surrounded: Surroundings) -> None:
        node = surrounded.cluster.nodes[0]
        assert node.exec("curl", "-sS", f"https://{SECURE_HOST}:{SECURE_PORT}/v2/").strip() == "{}"
        server = node.exec("sh", "-c", "cat /proc/$(pgrep -o kube-apiserver)/root/etc/ssl/certs/ca-certificates.crt")
        assert surrounded.authority.strip() in server

    def test_proxies_are_what_containerd_has(self, surrounded: Surroundings, provider: Provider) -> None:
        node = surrounded.cluster.nodes[0]
        found = dict(line.split("=", 1) for line in node.exec("sh", "-c", "tr '\\0' '\\n' </proc/$(pidof containerd)/environ").splitlines())
        network = provider.network("bridge")
        assert found["HTTP_PROXY"] == found["https_proxy"] == PROXY.replace("127.0.0.1", network.gateways[0])
        direct = found["NO_PROXY"].split(",")
        assert found["no_proxy"] == found["NO_PROXY"]
        assert direct[:2] == ["secure-registry.test", "127.0.0.1"]
        assert {*network.subnets, "10.96.0.0/16", "10.244.0.0/16", "198.19.255.0/24", node.name, ".svc", ".svc.cluster.local"} <= {*direct}

    def test_a_password_of_a_proxys_is_nowhere_but_in_the_environment(self, surrounded: Surroundings, provider: Provider) -> None:
        node = surrounded.cluster.nodes[0]
        inspected = provider.inspect(node.container)
        config = inspected["Config"]
        assert isinstance(config, dict)
        assert "p%40ss" not in json.dumps({**config, "Env": None})
        assert "p%40ss" not in provider.logs(node.container, 1000)
        assert "p%40ss" not in node.exec("journalctl", "--no-pager", "--boot")

    def test_pods_resolve_the_clusters_names_and_others(self, surrounded: Surroundings, provider: Provider, kind_registry: Registry) -> None:
        with texts_archive({"kind/name-server": (NAME_SERVER.encode(), 0o755)}) as archive:
            provider.put(kind_registry.container, "/", archive)
        started = provider.exec(kind_registry.container, ["sh", "-ec", "setsid perl /kind/name-server </dev/null >/dev/null 2>&1 &"])
        assert started.code == 0, started.output
        cluster = surrounded.cluster
        cluster.nodes[0].exec("sh", "-c", f"echo nameserver {surrounded.server} >/etc/resolv.conf")
        # CoreDNS reads it as it starts.
        cluster.kubectl("rollout", "restart", "-n", "kube-system", "deployment/coredns")
        cluster.kubectl("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=60s")
        script = """
          ask() { for n in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 $1 2>&1 | grep -F "($2)" && return; sleep 1; done; return 1; }
          ask www.outward.test 192.0.2.7
          ask kubernetes.default.svc.cluster.local 10.96.0.1
          ask kubernetes.default 10.96.0.1
        """
        run_script(cluster, "default", "asker", script)


@pytest.mark.parametrize(
    ("search", "left"),
    [
        (None, ["domain host.test", "search a.test b.test"]),
        ("", []),
        ("c.test d.test", ["search c.test d.test"]),
    ],
)
def test_search_domains_of_the_engines_host(
    kind_registry: Registry, provider: Provider, pytestconfig: pytest.Config, search: str | None, left: list[str]
) -> None:
    # The node image's entrypoint alone, with a resolver's file as an engine on a host with search domains writes it.
    registry = provider.container(kind_registry.container)
    assert registry is not None
    before = "printf 'domain host.test\\nsearch a.test b.test\\n' >>/etc/resolv.conf"
    after = "exec /usr/local/bin/entrypoint sh -c 'cat /etc/resolv.conf; echo end'"
    container = provider.create(
        ContainerSpec(
            name=f"pytest-kind-test-{os.getpid()}",
            image=registry.image,
            labels={key: value for key, value in registry.labels.items() if key != labels.KIND},
            entrypoint=["sh", "-c", f"{before}; {after}"],
            environment={} if search is None else {"KIND_DNS_SEARCH": search},
            tmpfs={"/run": ""},
            tty=False,
        )
    )
    try:
        provider.start(container)

        def said() -> NotYet | list[str]:
            lines = provider.logs(container, 100).splitlines()
            return lines if "end" in lines else NotYet(str(lines[-1:]))

        lines = wait_for("the entrypoint's end", said, Deadline(20))
    finally:
        provider.remove(container)
    assert [line for line in lines if line.startswith(("search", "domain"))] == left
    assert [line for line in lines if line.startswith("nameserver")]

"""A server of the test's in the cluster, and Services of the cluster in the test."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import AdmissionregistrationV1Api, ApiClient, CoreV1Api
from kubernetes.client.exceptions import ApiException

from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.toolbox.reach.http import HttpError
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind import KindCluster
    from pytest_kind.toolbox.reach.exposed import Exposed
    from pytest_kind.toolbox.reach.http import Http

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
MANY = 200
REQUESTS = 100  # each over a connection of its own, which takes 15 to 40 ms
WEB = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: {BUSYBOX}
        command: [sh, -c, "mkdir /w; hostname >/w/index.html; exec httpd -f -p 8080 -h /w"]
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{name: front, port: 80, targetPort: http}}]}}
"""


class Server(ThreadingHTTPServer):
    """Answers with what it is sent. A request for /together waits until so many are there as are to be there at once."""

    request_queue_size = 2 * MANY

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.together = threading.Barrier(MANY)
        self.names: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Keeps standard error clean."""

    def do_GET(self) -> None:
        if self.path.startswith("/together"):
            self.server.together.wait(60)
        self._answer(b"from the test\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self._review(json.loads(body)) if self.path.startswith("/validate?") else body)

    def _review(self, review: dict[str, Any]) -> bytes:
        request = review["request"]
        self.server.names.append(request["name"])
        verdict = {"uid": request["uid"], "allowed": request["name"] != "refused", "status": {"message": "not that name"}}
        return json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": verdict}).encode()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    """One that listens on loopback, and is served when somebody says so."""
    with Server() as made:
        yield made


@contextlib.contextmanager
def served(server: Server) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def asked(client: ApiClient, exposed: Exposed) -> Iterator[None]:
    """Has API servers ask about config maps of a namespace."""
    api = AdmissionregistrationV1Api(client)
    webhook = {
        "name": "names.example.com",
        "clientConfig": exposed.client_config("/validate"),
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": exposed.namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 10,
    }
    api.create_validating_webhook_configuration({"metadata": {"name": exposed.namespace}, "webhooks": [webhook]})
    try:
        yield
    finally:
        api.delete_validating_webhook_configuration(exposed.namespace)


def in_a_pod(cluster: KindCluster, namespace: str, script: str) -> str:
    """What a shell in a pod printed."""
    cluster.kubectl("run", "caller", "-n", namespace, f"--image={BUSYBOX}", "--restart=Never", "--", "sh", "-c", script)
    cluster.kubectl("wait", "-n", namespace, "pod/caller", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    return cluster.kubectl("logs", "-n", namespace, "caller")


@pytest.mark.parametrize("tls", ["terminate", "passthrough"])
def test_a_validating_webhook_in_this_process_answers_the_api_server_over_tls(
    kind_client: ApiClient, kind_namespace: str, kind_expose: Callable[..., Exposed], server: Server, tls: str
) -> None:
    exposed = kind_expose(server, "webhook", tls=tls)
    if tls == "passthrough":
        server.socket = exposed.ssl_context.wrap_socket(server.socket, server_side=True)
    api = CoreV1Api(kind_client)

    def refused() -> ApiException | NotYet:
        # An API server hears of a webhook a moment after it was created.
        try:
            api.create_namespaced_config_map(kind_namespace, {"metadata": {"name": "refused"}})
        except ApiException as error:
            return error
        api.delete_namespaced_config_map("refused", kind_namespace)
        return NotYet("it was not asked about")

    with served(server), asked(kind_client, exposed):
        error = wait_for("a config map is refused", refused, Deadline(20))
        assert 'admission webhook "names.example.com" denied the request: not that name' in json.loads(error.body)["message"]
        api.create_namespaced_config_map(kind_namespace, {"metadata": {"name": "allowed"}})
    assert server.names[-2:] == ["refused", "allowed"]
    assert exposed.failure is None


def test_pods_and_nodes_reach_it_by_name_and_nobody_does_afterwards(kind_cluster: KindCluster, kind_namespace: str, server: Server) -> None:
    with served(server), kind_cluster.expose(server, "callback", namespace=kind_namespace) as exposed:
        assert exposed.url == f"http://callback.{kind_namespace}.svc"
        names = " ".join(exposed.names)
        script = f"for name in {names}; do wget -q -O- http://$name/ || exit 1; done; wget -q -O- --post-data=posted http://callback/"
        assert in_a_pod(kind_cluster, kind_namespace, script) == "from the test\n" * len(exposed.names) + "posted"
    left = kind_cluster.kubectl("get", "services,endpointslices", "-n", kind_namespace, "-o", "name")
    assert left == ""
    listening = kind_cluster.nodes[0].exec("ps", "-e", "-o", "args")
    assert "perl -e" not in listening
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-kind-expose"]


def test_many_connections_are_open_at_once(kind_cluster: KindCluster, kind_namespace: str, server: Server) -> None:
    with served(server), kind_cluster.expose(server, "busy", namespace=kind_namespace) as exposed:
        # Each waits for all others.
        argv = ["--silent", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", str(MANY), "--max-time", "90"]
        said = kind_cluster.nodes[0].exec("curl", *argv, f"http://{exposed.cluster_ip}/together?[1-{MANY}]", timeout=120)
    assert said == "from the test\n" * MANY


def test_much_in_both_directions_over_tls(kind_cluster: KindCluster, kind_namespace: str, server: Server) -> None:
    with served(server), kind_cluster.expose(server, "large", namespace=kind_namespace, tls="terminate") as exposed:
        node = kind_cluster.nodes[0]
        script = f"""
        set -e -o pipefail
        cat >/run/reach-ca.crt <<'END'
{exposed.cafile.read_text(encoding="ascii")}
END
        head -c {32 << 20} /dev/urandom >/run/reach-body
        sha256sum </run/reach-body
        curl --silent --fail --cacert /run/reach-ca.crt --resolve {exposed.host}:443:{exposed.cluster_ip} \\
          --data-binary @/run/reach-body {exposed.url}/ | sha256sum
        rm /run/reach-*
        """
        sent, came = node.exec("bash", "-c", script, timeout=120).splitlines()
    assert sent == came


def test_one_direction_can_end_before_the_other(kind_cluster: KindCluster, kind_namespace: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        kind_cluster.expose(listener, "half", namespace=kind_namespace, service_port=9) as exposed,
    ):

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                whole = bytearray()
                while piece := client.recv(1 << 16):
                    whole += piece
                client.sendall(hashlib.sha256(whole).hexdigest().encode())  # after the other's end

        answering = threading.Thread(target=answer)
        answering.start()
        said = kind_cluster.nodes[0].exec("sh", "-c", f"head -c 3000000 /dev/zero | socat -t 30 - TCP:{exposed.cluster_ip}:9")
        answering.join()
    assert said == hashlib.sha256(bytes(3000000)).hexdigest()


def test_when_the_relay_dies_another_takes_its_place(
    kind_cluster: KindCluster, kind_namespace: str, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def ask() -> str | NotYet:
        found = kind_cluster._site.provider.exec(kind_cluster.nodes[0].container, ["curl", "--silent", "--show-error", "--max-time", "2", address])
        return NotYet(found.output) if found.code else found.stdout

    with served(server), kind_cluster.expose(server, "again", namespace=kind_namespace) as exposed:
        address = f"http://{exposed.cluster_ip}/"
        assert ask() == "from the test\n"
        kind_cluster.nodes[0].exec("pkill", "-KILL", "-f", "^perl -e # perl, on a node")
        assert wait_for("an answer", ask, Deadline(30)) == "from the test\n"
        assert "the relay on" in (exposed.failure or "")
    assert "nothing is passed on until it runs again" in caplog.text


def test_what_cannot_be_exposed_is_told(kind_cluster: KindCluster, kind_namespace: str, server: Server) -> None:
    with pytest.raises(UsageError, match="there is no namespace nowhere"), kind_cluster.expose(server, namespace="nowhere"):
        pass
    with (
        kind_cluster.expose(server, "twice", namespace=kind_namespace),
        pytest.raises(UsageError, match=r"there is a Service twice in namespace .* already, which another test or run exposes now"),
        kind_cluster.expose(server, "twice", namespace=kind_namespace),
    ):
        pass


@pytest.fixture
def web(kind_cluster: KindCluster, kind_namespace: str) -> str:
    """A namespace with two web servers that will be there."""
    kind_cluster.kubectl("apply", "-n", kind_namespace, "-f", "-", input=WEB)
    return kind_namespace


def test_services_answer_by_name_as_soon_as_they_can(web: str, kind_http: Http) -> None:
    first = kind_http.get("http://web/")  # nobody has waited for the pods
    assert (first.status, first.text.startswith("web-")) == (200, True)
    assert kind_http.get(f"http://web.{web}.svc.cluster.local:front/nothing").status == 404
    assert kind_http.get(f"http://{first.text.strip()}.{web}.pod:8080/").text == first.text
    with urllib.request.urlopen(kind_http.base_url("http://web/") + "/", timeout=30) as answer:  # noqa: S310 - loopback
        assert answer.read().startswith(b"web-")
    assert "coredns_build_info" in kind_http.get("http://kube-dns.kube-system:metrics/metrics").raise_for_status().text


def test_requests_go_on_when_their_pod_is_deleted(kind_cluster: KindCluster, web: str, kind_http: Http) -> None:
    first = kind_http.get("http://web/").text
    kind_cluster.kubectl("delete", "pod", first.strip(), "-n", web, "--wait=false")
    seen = [kind_http.get("http://web/").text]

    def another() -> bool | NotYet:
        seen.append(kind_http.get("http://web/").text)
        return seen[-1] != first or NotYet("the pod still answers")

    assert wait_for("another pod answers", another, Deadline(30))


def test_no_request_goes_to_a_pod_of_before_a_rollout(kind_cluster: KindCluster, web: str, kind_http: Http) -> None:
    # A program that heeds no SIGTERM answers as long as its pod is given, with a connection that is open.
    kind_cluster.kubectl("patch", "deployment", "web", "-n", web, "-p", '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":20}}}}')
    kind_cluster.kubectl("rollout", "status", "deployment/web", "-n", web, "--timeout=60s")
    before = {kind_http.get("http://web/").text for _ in range(3)}
    kind_cluster.kubectl("set", "env", "deployment/web", "-n", web, "VERSION=2")
    kind_cluster.kubectl("rollout", "status", "deployment/web", "-n", web, "--timeout=60s")
    assert before.isdisjoint(kind_http.get("http://web/").text for _ in range(3))


def test_what_a_service_lacks_is_told(kind_cluster: KindCluster, kind_namespace: str, kind_http: Http) -> None:
    kind_cluster.kubectl("create", "deployment", "broken", "-n", kind_namespace, f"--image={BUSYBOX}", "--", "false")
    kind_cluster.kubectl("expose", "deployment", "broken", "-n", kind_namespace, "--port=80")
    states = "jsonpath={range .items[*].status.containerStatuses[*]}{.restartCount} {.state}{end}"

    def given_up() -> bool | NotYet:  # for the next ten seconds
        said = kind_cluster.kubectl("get", "pods", "-n", kind_namespace, "-o", states)
        return ('"running"' not in said and said[:1] not in {"", "0"}) or NotYet(said)

    wait_for("its container has been started twice in vain", given_up, Deadline(60))
    with pytest.raises(WaitTimeout, match=r"broken in namespace .* last seen: broken-.* is not ready \(busybox: .*it ended with 1"):
        kind_http.get("http://broken/", timeout=4)
    with pytest.raises(
        WaitTimeout, match=rf"there is no Service brokn in namespace {kind_namespace}; services in namespace {kind_namespace}: broken$"
    ):
        kind_http.get("http://brokn/", timeout=0.1)
    with pytest.raises(WaitTimeout, match=r"; there is one of that name in namespace default$"):
        kind_http.get("http://kubernetes/", timeout=0.1)
    with pytest.raises(UsageError, match=r"^http: Service kubernetes in namespace default selects no pods"):
        kind_http.get("https://kubernetes.default/")


def test_https_is_checked_against_the_clusters_authority_and_the_name(kind_cluster: KindCluster, kind_http: Http) -> None:
    # On the node's network, as its API server: which is what answers at that port.
    pod = kind_cluster.kubectl("get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-proxy", "-o", "jsonpath={.items[0].metadata.name}")
    url = f"https://{pod}.kube-system.pod:6443/version"
    with pytest.raises(HttpError, match=f"certificate is not valid for '{pod}.kube-system.pod'"):
        kind_http.get(url)
    with kind_cluster.http(verify=False) as careless, pytest.warns(match="Unverified HTTPS request"):
        assert careless.get(url).json()["major"] == "1"


def test_connections_go_to_the_next_pod_when_theirs_is_deleted(kind_cluster: KindCluster, web: str, kind_port_forward: Callable[..., int]) -> None:
    port = kind_port_forward("deployment/web", 8080, retries=60)

    def get(_: int = 0) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            return str(answer.read().decode().strip())

    first = get()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert set(pool.map(get, range(REQUESTS))) == {first}
        kind_cluster.kubectl("delete", "pod", first, "-n", web)
        after = list(pool.map(get, range(REQUESTS)))
    assert first not in after


def test_a_connection_that_is_kept_takes_a_thousand_requests(kind_cluster: KindCluster, kind_http: Http) -> None:
    url = "http://kube-dns.kube-system:metrics/health-of-nothing"  # CoreDNS' server keeps connections
    kind_http.get(url)
    begin = time.monotonic()
    assert [kind_http.get(url).status for _ in range(1000)] == [404] * 1000
    assert time.monotonic() - begin < 60


def test_the_first_byte_is_there_soon(kind_cluster: KindCluster, web: str) -> None:
    kind_cluster.kubectl("rollout", "status", "deployment/web", "-n", web, "--timeout=60s")
    took = []
    for _ in range(5):
        begin = time.monotonic()
        with kind_cluster.port_forward("svc/web", 80, "-n", web) as port, socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(1)
            took.append(time.monotonic() - begin)
    assert min(took) < 1

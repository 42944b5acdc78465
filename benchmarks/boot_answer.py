"""What every new cluster goes through, whoever made it: pods and Services are posted to its API, then a probe waits until they answer by name.

The probe runs on the cluster's first node. Moments are of the monotonic clock, which containers share with their machine.
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from boot_engine import BenchmarkError, docker
from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.kubeconfig import credentials
from pytest_kind.waiting import Deadline, NotYet, wait_for

SECONDS = 300
_NAMESPACE = "/api/v1/namespaces/default"
_NOT_FOUND, _CONFLICT = 404, 409
_DNS = "10.96.0.10"  # kind's default, and ours
# clock_gettime and setns: the smallest perl has a module for neither.
_CALLS = {"x86_64": ("228", "308"), "aarch64": ("113", "268")}

# Waits until each of the names, asked of the cluster's DNS from a pod's network namespace, leads to an address that answers a
# request of HTTP with 200 and the pod's own name; prints when that was. As boot/node/dns-ready: every namespace that comes up
# is tried, but the DNS servers' own. A socket is used once: a flow that began before the Service's rules would not heed them.
_PROBE = r"""
use strict;
use warnings;
use Fcntl;
use Socket;

my ($clock, $setns, $dns, $seconds, @names) = @ARGV;
my $patience = 0.05;    # with who does not answer, in seconds: what comes between is seen so much later
$SIG{PIPE} = 'IGNORE';

sub now {
    my $time = pack('qq', 0, 0);
    syscall($clock + 0, 1, $time);    # CLOCK_MONOTONIC
    my ($whole, $rest) = unpack('qq', $time);
    return $whole + $rest / 1e9;
}
my $end = now() + $seconds;

sub soon {    # whether a socket can be read, or written, within a time
    my ($socket, $write, $time) = @_;
    my $bits = '';
    vec($bits, fileno($socket), 1) = 1;
    return $write ? select(undef, $bits, undef, $time) : select($bits, undef, undef, $time);
}

sub resolved {
    my ($name) = @_;
    my $question = join('', map { pack('C/a', $_) } split(/\./, $name)) . pack('xnn', 1, 1);
    socket(my $socket, PF_INET, SOCK_DGRAM, 17) or return;
    connect($socket, pack_sockaddr_in(53, inet_aton($dns))) or return;
    send($socket, pack('nnnnnn', 1, 0x0100, 1, 0, 0, 0) . $question, 0) && soon($socket, 0, $patience) or return;
    defined recv($socket, my $said, 512, 0) or return;
    return if length $said < 16;
    my ($flags, $answers) = (unpack('nnnn', $said))[1, 3];
    return ($flags & 0x800f) == 0x8000 && $answers == 1 ? substr($said, -4) : undef;    # one record: it ends with its address
}

sub answers {
    my ($address, $name) = @_;
    socket(my $socket, PF_INET, SOCK_STREAM, 6) or return 0;
    fcntl($socket, F_SETFL, O_NONBLOCK);
    connect($socket, pack_sockaddr_in(80, $address));
    soon($socket, 1, $patience) && !unpack('i', getsockopt($socket, SOL_SOCKET, SO_ERROR)) or return 0;
    syswrite($socket, "GET /hostname HTTP/1.0\r\nHost: $name\r\n\r\n") or return 0;
    my $said = '';
    while (soon($socket, 0, 1)) { sysread($socket, $said, 4096, length $said) or last }
    my ($pod) = split(/\./, $name);
    return $said =~ m{^HTTP/1\.[01] 200 } && $said =~ m{\r\n\r\n\Q$pod\E\n};
}

sub serves_dns {
    for my $file ('/proc/self/net/udp', '/proc/self/net/udp6') {
        open(my $table, '<', $file) or next;
        while (<$table>) { return 1 if /^\s*\d+: [0-9A-F]+:0035 / }
    }
    return 0;
}

sub ask {
    my @left = @names;
    while (now() < $end) {
        exit 3 if serves_dns();
        my $address = resolved($left[0]);
        shift @left if defined $address && answers($address, $left[0]);
        if (!@left) { printf("%.4f\n", now()); exit 0 }
        select(undef, undef, undef, 0.02);
    }
    exit 1;
}

my (%tried, %pids);
while (now() < $end) {
    for my $file (glob('/run/netns/*')) {
        next if $tried{ (stat $file)[1] // next }++;
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            open(my $namespace, '<', $file) or exit 4;
            syscall($setns + 0, fileno($namespace), 0) == 0 or exit 4;
            ask();
        }
        $pids{$pid} = $file;
    }
    while ((my $done = waitpid(-1, 1)) > 0) {
        if ($? == 0) { kill 'KILL', keys %pids; exit 0 }
        delete $pids{$done};
    }
    select(undef, undef, undef, 0.02);
}
print STDERR 'no answer, asked from ', scalar keys %tried, " network namespaces\n";
exit 1;
"""


def service(number: int) -> str:
    """The name of a pod and of its Service."""
    return "web" if number == 0 else f"web{number + 1}"


def objects(image: str, nodes: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """A pod that serves its own name, and a Service for it, one for each node: the collection of each, and the object.

    Args:
        image: with busybox; on every node already.
        nodes: a single one takes what the scheduler gives it; of several each gets its own.
    """
    items: list[tuple[str, dict[str, Any]]] = []
    for number, node in enumerate(nodes):
        name = service(number)
        place = {"nodeSelector": {"kubernetes.io/hostname": node}} if len(nodes) > 1 else {}
        container = {"name": "web", "image": image, "imagePullPolicy": "Never", "command": ["busybox", "httpd", "-f", "-h", "/etc"]}
        taint = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}
        spec = {**place, "tolerations": [taint], "terminationGracePeriodSeconds": 0, "containers": [container]}
        items += [
            ("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}),
            (
                "services",
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}},
            ),
        ]
    return items


def answered(kubeconfig: Path, container: str, image: str, nodes: Sequence[str]) -> float:
    """Posts the objects, again where one is refused, and returns the moment at which the last of the pods answered.

    Args:
        kubeconfig: the cluster's, by which the API is reached: whoever made it, no kubectl has to start.
        container: the first node's.
        image: see :func:`objects`.
        nodes: their names.

    Raises:
        BenchmarkError: a pod did not answer.
        WaitTimeout: the objects were not taken.
    """
    left, deadline = objects(image, nodes), Deadline(SECONDS)

    def posted() -> NotYet | bool:
        while left:
            collection, document = left[0]
            try:
                api.post(f"{_NAMESPACE}/{collection}", document)
            except ApiError as error:
                # A pod is refused until its namespace has a ServiceAccount. One that is there was taken, and its answer lost.
                if error.status != _CONFLICT:
                    return NotYet(str(error))
            left.pop(0)
        return True

    with _api(kubeconfig) as api:
        wait_for("the objects to be taken", posted, deadline, every=0.02)
    names = [f"{service(number)}.default.svc.cluster.local" for number in range(len(nodes))]
    calls = _CALLS[platform.machine()]
    said = docker("exec", "--interactive", container, "perl", "-", *calls, _DNS, f"{max(1.0, deadline.left):.0f}", *names, text=_PROBE)
    moment = float(said.split()[0])
    if not 0 <= time.monotonic() - moment < SECONDS:
        raise BenchmarkError("the engine's machine has another clock: it must be this one")
    return moment


def forgotten(kubeconfig: Path, image: str) -> None:
    """Takes the pod and the Service of a single node away again, and returns when they are gone."""
    deadline = Deadline(SECONDS)
    with _api(kubeconfig) as api:
        for collection, document in objects(image, [""]):
            path = f"{_NAMESPACE}/{collection}/{document['metadata']['name']}"

            def gone(path: str = path) -> NotYet | bool:
                api.delete(path)
                try:
                    api.get(path)
                except ApiError as error:
                    return error.status == _NOT_FOUND or NotYet(str(error))
                return NotYet("it is there")

            wait_for(f"{path} to be gone", gone, deadline, every=0.02)


@contextlib.contextmanager
def _api(kubeconfig: Path) -> Iterator[Api]:
    api = Api(credentials(yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))), kubeconfig.parent)
    try:
        yield api
    finally:
        api.close()

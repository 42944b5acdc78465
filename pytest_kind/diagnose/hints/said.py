"""Causes that are told by words alone: in journals, logs, events and errors."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind.diagnose.hints.rule import Finding, Rule, words
from pytest_kind.diagnose.scene import BOOT, CONSOLE, ERROR, EVENT, JOURNAL, LOG, STATUS, Scene

_MACHINE = (JOURNAL, CONSOLE, BOOT)
_ALL = (ERROR, EVENT, STATUS, LOG, *_MACHINE)

_NO_SPACE = words(r"(?i)(?:no space left on device|disk quota exceeded|disk is full)", _ALL, "no space is left on a file system: {where}")


def _no_space(scene: Scene) -> Iterator[Finding]:
    """A volume's; of a whole disk everything says so."""
    return iter(()) if any(one.facts.get("disk") for one in scene.machines) else _NO_SPACE(scene)


MACHINES = (
    Rule(
        name="inotify is exhausted",
        sign="`too many open files`, `inotify_init`, `fsnotify watcher`, `inotify watches` in a journal or log",
        remedy="on the engine's machine: sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=1048576",
        find=words(
            r"(?i)(?:inotify_(?:init|add_watch)\w*|fsnotify watcher|inotify (?:watches|instances)"
            r"|inotify.{0,40}no space left on device|too many open files)",
            (LOG, STATUS, EVENT, *_MACHINE),
            "the machine's inotify instances or watches are used up, or a process may open no more files",
        ),
    ),
    Rule(
        name="cgroups do not fit",
        sign="`cgroup` with `failed to create`, `unable to apply`, `does not exist`, `not supported` in a journal",
        remedy="cgroup v2 with the systemd driver, or on cgroup v1 an older Kubernetes; a nested engine needs a delegated cgroup",
        find=words(
            r"(?i)(?:failed to (?:initialize|create|apply|start)[^\n]{0,80}cgroup|cgroups?: cannot |cgroup mountpoint does not exist"
            r"|unable to apply cgroup"
            r"|cgroup v1[^\n]{0,60}(?:not supported|unsupported)|kubelet is configured to not run on a host using cgroup v1)",
            _MACHINE,
            "kubelet or runtime cannot use the machine's cgroups",
        ),
    ),
    Rule(
        name="swap is on",
        sign="`running with swap on is not supported` in the kubelet's journal",
        remedy="failSwapOn: false in a KubeletConfiguration patch, or swapoff",
        find=words(r"(?i)running with swap on is not supported", _MACHINE, "the kubelet does not start on a machine with swap"),
    ),
    Rule(
        name="the kernel lacks something",
        sign="`modprobe: FATAL`, `can't initialize iptables table`, `unknown filesystem type` in a journal or log",
        remedy="load the module on the engine's machine (modprobe NAME); kube-proxy's mode can be another: networking.kubeProxyMode",
        find=words(
            r"(?i)(?:modprobe: FATAL: Module (?P<module>\S+)|can't initialize iptables table `(?P<table>\w+)'"
            r"|unknown filesystem type '(?P<filesystem>\w+)')",
            (LOG, *_MACHINE),
            "the kernel of the engine's machine has no {module}{table}{filesystem}",
        ),
    ),
    Rule(
        name="etcd is slow or full",
        sign="`etcdserver: request timed out`, `database space exceeded` in the test's error or a journal",
        remedy="a disk that others keep busy; fewer clusters at a time; `--kind-artifacts` has etcd's log",
        find=words(
            r"(?:etcdserver: (?P<slow>request timed out[^\n]{0,40}|leader changed)|mvcc: (?P<full>database space exceeded))",
            (ERROR, LOG, *_MACHINE),
            "etcd does not keep up: {slow}{full}",
        ),
    ),
    Rule(
        name="clocks differ, or a certificate is over",
        sign="`certificate has expired or is not yet valid`",
        remedy="the clocks of this machine and of the engine's must agree; a kept cluster whose certificates are over is made anew",
        find=words(r"certificate has expired or is not yet valid(?P<why>[^\n]{0,120})", _ALL, "a certificate is not valid at this time{why}"),
    ),
)

REST = (
    Rule(
        name="a file system is full",
        sign="`no space left on device` in the test's error, a status, event, log or journal, where no machine's disk is full",
        remedy="a larger volume or sizeLimit; on the engine's machine: docker system df, `pytest --kind-gc`",
        find=_no_space,
    ),
    Rule(
        name="an image is of another platform",
        sign="`exec format error` in a log or status",
        remedy="build it for the nodes' architecture: docker build --platform; an interpreter's script needs its first line (#!)",
        find=words(
            r"(?i)exec format error", (ERROR, STATUS, EVENT, LOG), "a program is of another architecture than the node, or no program: {where}"
        ),
    ),
    Rule(
        name="a port is taken",
        sign="`address already in use`, `port is already allocated`",
        remedy="another port; 0 lets the system choose one; a hostPort is one pod's on a node",
        find=words(
            r"(?i)(?:(?<![\w.:\[\]])(?P<port>[\w.:\[\]]{0,60}:\d+): bind: address already in use|address already in use|port is already allocated)",
            (ERROR, EVENT, LOG, *_MACHINE),
            "a port is taken: {where} {port}",
        ),
    ),
    Rule(
        name="a client without a cluster",
        sign="a connection to `localhost`, port 80 or 8080, in the test's error",
        remedy="give it the cluster's: CoreV1Api(kind_client); for libraries that read KUBECONFIG the fixture kind_environment",
        find=words(
            r"(?:host='localhost', port=80(?:80)?\)|connection to the server localhost:8080 was refused|dial tcp (?:127\.0\.0\.1|\[::1\]):8080)",
            (ERROR,),
            "a client was made without a configuration, and asks localhost",
        ),
    ),
)

BOOT_ALONE = (
    Rule(
        name="an image of the control plane is not there",
        sign="`failed to pull` an image in the journals of a cluster that did not boot",
        remedy="the node image has its control plane's images: `pytest-kind build`; what a patch names instead needs a registry",
        find=words(
            r'(?i)failed to (?:pull(?: and unpack)?|resolve) (?:image |reference )\\*"(?P<image>[^"\\]+)',
            (BOOT,),
            "image {image} cannot be had, and the cluster needs it",
        ),
    ),
    Rule(
        name="a machine ran out of memory while it booted",
        sign="`oom-kill`, `Out of memory`, `code=killed, status=9/KILL` in the journals of a cluster that did not boot",
        remedy="more memory for the engine's machine or the node (`memory` in the configuration), fewer clusters at a time",
        find=words(
            r"(?:oom-kill|Out of memory:|status=9/KILL|Failed with result 'oom-kill')", (BOOT,), "a process of the cluster was killed while it booted"
        ),
    ),
    Rule(
        name="a program refuses an argument or a configuration",
        sign="`unknown flag`, `strict decoding error`, `unrecognized feature gate` in the journals of a cluster that did not boot",
        remedy="featureGates, runtimeConfig and kubeadmConfigPatches of the configuration must be those of this Kubernetes version",
        find=words(
            r"(?i)(?P<what>unknown flag: \S+|unrecognized feature gate: \S+|strict decoding error: [^\n]{1,200}|invalid configuration: [^\n]{1,200})",
            (BOOT,),
            "a program of the control plane or the kubelet does not start: {what}",
        ),
    ),
    Rule(
        name="a unit of a node failed",
        sign="`systemctl --failed` on a machine of a cluster that did not boot",
        remedy="its journal is in the evidence; `pytest-kind create cluster --retain` leaves the machine to be looked at",
        find=words(r"(?m)^(?P<unit>\S+\.(?:service|mount|socket)) +loaded +failed", (BOOT,), "unit {unit} failed"),
    ),
)

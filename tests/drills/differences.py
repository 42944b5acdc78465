"""What differs between the real kind's cluster and ours of the same file, and why. docs/differences.md is this list for users."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

NOWHERE = "-"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same.

    Attributes:
        fact: where, as ``support/facts.py`` names it; ``*`` is anything.
        kind: what kind has; ``-``: nothing. ``*`` is anything.
        ours: what we have, likewise.
        why: for users.
        everywhere: whether every engine shows it.
    """

    fact: str
    kind: str
    ours: str
    why: str
    everywhere: bool = True


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "component > etcd > flag > election-timeout",
        "-",
        "100",
        "One etcd member elects itself: the default of a second is for networks. Not where there are several control planes.",
    ),
    Difference("component > etcd > flag > heartbeat-interval", "-", "20", "As above."),
    Difference(
        "component > etcd > flag > unsafe-no-fsync",
        "-",
        "true",
        "A test cluster's data need not survive a power cut, and slow disks cost seconds. A kept cluster's etcd waits for the disk.",
    ),
    Difference(
        "component > etcd > flag > feature-gates",
        "InitialCorruptCheck=true",
        "-",
        "Only where there are several control planes: members that begin together wait seven seconds for each other's answer.",
        everywhere=False,
    ),
    Difference(
        "component > * > flag > kube-api-qps",
        "-",
        "1000",
        "Controller manager and scheduler are limited to 20 requests a second by default, which costs a start five seconds.",
    ),
    Difference("component > * > flag > kube-api-burst", "-", "2000", "As above."),
    Difference(
        "component > * > flag > leader-elect",
        "true",
        "false",
        "One candidate needs no election; a lease of the past would hold a restarted cluster up. Several control planes do elect.",
    ),
    Difference(
        "component > kube-apiserver > flag > permit-port-sharing",
        "-",
        "true",
        "While the API server starts its port is held for it, so that who comes too early waits instead of coming back a second later.",
    ),
    Difference("kubeadm-config > apiServer > extraArgs > permit-port-sharing", "-", "true", "kubeadm's record of the flag above."),
    Difference(
        "kubelet > * > config > nodeStatusUpdateFrequency",
        "10s",
        "1s",
        "What it has found out of itself it says a second later: that it is Ready, or that it no longer is.",
    ),
    Difference(
        "kubelet > * > config > oomScoreAdj",
        "-999",
        "*",
        "Only where the engine's containers lack CAP_SYS_RESOURCE: neither could have it, and one that tries waits 0.2 s.",
        everywhere=False,
    ),
    Difference("kube-proxy > oomScoreAdj", "-", "*", "Its own default, -999, written down; or as above."),
    Difference("kube-proxy > iptables > minSyncPeriod", "1s", "100ms", "What a Service leads to is there sooner; a test cluster's rules are few."),
    Difference("kube-proxy > nftables > minSyncPeriod", "*", "100ms", "As above."),
    Difference("kubeadm-config > etcd > local > extraArgs > *", "-", "*", "kubeadm's record of etcd's flags above."),
    Difference("kubeadm-config > * > extraArgs > kube-api-*", "-", "*", "kubeadm's record of the flags above."),
    Difference("kubeadm-config > * > extraArgs > leader-elect", "-", "false", "kubeadm's record of the flag above."),
    Difference(
        "kubeadm-config > encryptionAlgorithm",
        "RSA-2048",
        "ECDSA-P256",
        "All keys in 0.1 s instead of 0.6 s. A patch of `ClusterConfiguration` can ask for RSA.",
    ),
    Difference(
        "kubeadm-config > apiServer > certSANs",
        '["localhost", "127.0.0.1"*',
        '["localhost", "ADDRESS(control-plane)", "127.0.0.1"*',
        "The node's constant address, written down; kubeadm adds a node's address to the certificate by itself. Names of patches are in both.",
    ),
    Difference(
        "kubeadm-config > dns > disabled",
        "-",
        "true",
        "We post CoreDNS ourselves, as soon as the API takes it; `kubeadm upgrade` leaves it as it is.",
    ),
    Difference("kubeadm-config > proxy > disabled", "-", "true", "The same for kube-proxy."),
    Difference(
        "kube-proxy > nodePortAddresses",
        "-",
        '["0.0.0.0/0"]',
        "nftables would serve NodePorts on the node's constant address alone, which nothing outside of the node reaches.",
    ),
    Difference(
        "coredns > startup_timeout 10ms",
        "-",
        "there",
        "CoreDNS listens before its caches are full; its answer is SERVFAIL until they are, never a wrong one.",
    ),
    Difference("workloads > kube-system/coredns > replicas", "2", "1", "One answers sooner. Two where there are several control planes."),
    Difference(
        "workloads > kube-system/kind-cni > *",
        "*",
        "-",
        "kind applies its network from a manifest of the image. Ours is a file that is there before the node starts.",
    ),
    Difference(
        "workloads > local-path-storage/shared-path-provisioner > *",
        "-",
        "*",
        "The class `shared` (ReadWriteMany on all nodes), in clusters of several nodes.",
    ),
    Difference("storage classes > shared > *", "-", "*", "As above."),
    Difference("container > * > mount > /kind/shared", "-", "volume  rw none", "The volume of the class `shared`."),
    Difference(
        "container > * > RestartPolicy > *", "*", "*", "kind's `on-failure:1` is for kept clusters. Any other one stays off when its lease ran out."
    ),
    Difference(
        "container > * > port > 6443/tcp",
        '["127.0.0.1:*"]',
        '["127.0.0.1:"]',
        "Without `apiServerPort` kind chooses a port and we leave it to the engine, so that two runs cannot choose the same.",
    ),
    Difference(
        "container > * > port > 30443/tcp",
        '["0.0.0.0:31843"]',
        '["127.0.0.1:31843"]',
        "Without `listenAddress` kind publishes on every address. Write `0.0.0.0` for that.",
    ),
    Difference(
        "file > * > resolv.conf > nameserver",
        "*",
        "*",
        "kind's own network has the engine's resolver, put behind the gateway. Ours is the default bridge: the engine's servers.",
    ),
    Difference("file > * > resolv.conf > options", "ndots:0", "-", "As above: the engine's resolver adds it."),
)


def explanation(fact: str, kind: str, ours: str) -> Difference | None:
    """The entry that a difference is told by."""
    return next(
        (
            one
            for one in DIFFERENCES
            if all(fnmatchcase(text, pattern.replace("[", "[[]")) for text, pattern in ((fact, one.fact), (kind, one.kind), (ours, one.ours)))
        ),
        None,
    )

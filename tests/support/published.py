"""A node image to the contract of kind's published ones, made from one of ours: what stands for them where no registry answers.

The contract is in kind's ``images/base`` and ``pkg/build/nodeimage``. What differs from ours: the entrypoint boots at once,
makes the kubelet's cgroups itself, remembers the engine's address, rewrites a restarted node's manifests; the kubelet runs
in a slice of its own; containerd's configuration is of version 2; the CNI manifest is a template of an agent that is not
there; no label says anything. This is written to that contract, it is not kind's text.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_kind.image.archive import texts_archive
from pytest_kind.provision.provider import ContainerSpec, Image, Provider

ENTRYPOINT = r"""#!/bin/bash
set -o errexit -o nounset -o pipefail
chown root:root "$(command -v mount)" "$(command -v umount)"
mount -o remount,ro /sys
mount --make-rshared /
if [ ! -f /sys/fs/cgroup/cgroup.controllers ]; then
  mount --make-rprivate /sys/fs/cgroup
  findmnt -lun -o target -t cgroup | while read -r hierarchy; do
    for group in kubelet kubelet.slice; do
      mkdir -p "$hierarchy/$group"
      for file in cpuset.cpus cpuset.mems; do
        [ ! -f "$hierarchy/$file" ] || cat "$hierarchy/$file" >"$hierarchy/$group/$file"
      done
      mount --bind "$hierarchy/$group" "$hierarchy/$group"
    done
  done
fi
rm -f /etc/machine-id
systemd-machine-id-setup
echo kind >/kind/product_name
[ -f /kind/product_uuid ] || cat /proc/sys/kernel/random/uuid >/kind/product_uuid
mode=legacy
[ "$(iptables-legacy-save 2>/dev/null | grep -c ^-)" -ge "$(iptables-nft-save 2>/dev/null | grep -c ^-)" ] || mode=nft
update-alternatives --set iptables "/usr/sbin/iptables-$mode" >/dev/null
update-alternatives --set ip6tables "/usr/sbin/ip6tables-$mode" >/dev/null
cp /etc/resolv.conf /etc/resolv.conf.original
address=$(getent ahostsv4 "$(hostname)" | awk '{print $1; exit}')
if [ -f /kind/old-ipv4 ] && [ "$(cat /kind/old-ipv4)" != "$address" ]; then
  for file in /etc/kubernetes/manifests/*.yaml /etc/kubernetes/*.conf /kind/kubeadm.conf; do
    [ ! -f "$file" ] || sed -i "s#\b$(sed 's#\.#\\.#g' /kind/old-ipv4)\b#$address#g" "$file"
  done
  rm -f /etc/kubernetes/pki/apiserver.{crt,key}
  kubeadm init phase certs apiserver --config /kind/kubeadm.conf
fi
printf %s "$address" >/kind/old-ipv4
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultEnvironment="HTTP_PROXY=%s" "HTTPS_PROXY=%s" "NO_PROXY=%s"\n' \
  "${HTTP_PROXY:-}" "${HTTPS_PROXY:-}" "${NO_PROXY:-}" >/etc/systemd/system.conf.d/proxy-default-environment.conf
exec "$@"
"""

KUBELET = r"""[Unit]
Description=kubelet
ConditionPathExists=/var/lib/kubelet/config.yaml

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=1s
CPUAccounting=true
MemoryAccounting=true
Slice=kubelet.slice
KillMode=process

[Install]
WantedBy=multi-user.target
"""
KUBEADM = r"""[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""
KIND = r"""[Service]
ExecStartPre=/bin/sh -euc "if [ -f /sys/fs/cgroup/cgroup.controllers ]; then /kind/bin/create-kubelet-cgroup-v2.sh; fi"
ExecStartPre=/bin/sh -euc "[ -f /sys/fs/cgroup/cgroup.controllers ] || mkdir -p /sys/fs/cgroup/systemd/kubelet"
"""
SLICE = "[Unit]\nDescription=kubelet\nBefore=slices.target\n\n[Slice]\nMemoryAccounting=true\nCPUAccounting=true\n"
CGROUPS = r"""#!/bin/bash
set -o errexit -o nounset
root=/sys/fs/cgroup
mkdir -p $root/kubelet $root/kubelet.slice
for group in $root $root/kubelet $root/kubelet.slice; do sed -E 's/(^| )/\1+/g' $root/cgroup.controllers >$group/cgroup.subtree_control; done
"""
# kind's own has `restrict_oom_score_adj = false`, which its entrypoint changes in user namespaces; here, where containers
# lack the right to lower a score, nothing would run with it, whoever boots it.
CONTAINERD = """version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "@PAUSE@"
  tolerate_missing_hugepages_controller = true
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
  discard_unpacked_layers = true
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  base_runtime_spec = "/etc/containerd/cri-base.json"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = @SYSTEMD@
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.test-handler]
  runtime_type = "io.containerd.runc.v2"
  base_runtime_spec = "/etc/containerd/cri-base.json"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.test-handler.options]
    SystemdCgroup = @SYSTEMD@

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
"""
CNI = """# would you kindly template this file
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: kindnet
  namespace: kube-system
spec:
  selector: {matchLabels: {app: kindnet}}
  template:
    metadata: {labels: {app: kindnet}}
    spec:
      hostNetwork: true
      containers:
      - name: kindnet-cni
        image: docker.io/kindest/kindnetd:v0
        env:
        - name: POD_SUBNET
          value: {{ .PodSubnet }}
"""
_OURS = (
    "/usr/local/bin/kubelet-cgroups",
    "/kind/bin/cni-agent",
    "/etc/sysctl.d/99-node.conf",
    "/etc/systemd/system/kubelet.service",
    "/opt/cni/bin/bridge",  # kind has host-local, loopback, portmap and ptp
)
_FINISH = """
ctr oci spec | jq 'del(.process.rlimits)' >/etc/containerd/cri-base.json
sed -i "s#@PAUSE@#$(sed -n 's/.*"\\(registry.k8s.io\\/pause:[^"]*\\)".*/\\1/p' /tmp/ours.toml | head -n1)#" /etc/containerd/config.toml
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then driver=true; else driver=false; fi
sed -i "s/@SYSTEMD@/$driver/" /etc/containerd/config.toml
rm /tmp/ours.toml
systemctl enable kubelet.service >/dev/null 2>&1
"""


def make(provider: Provider, image: str, tag: str, marks: Mapping[str, str]) -> Image:
    """Makes it.

    Args:
        image: a node image of ours.
        marks: labels of the container that it is made in.
    """
    files = {
        "usr/local/bin/entrypoint": (ENTRYPOINT, 0o755),
        "kind/bin/create-kubelet-cgroup-v2.sh": (CGROUPS, 0o755),
        "kind/manifests/default-cni.yaml": (CNI, 0o644),
        "etc/default/kubelet": ("KUBELET_EXTRA_ARGS=--runtime-cgroups=/system.slice/containerd.service\n", 0o644),
        "etc/containerd/config.toml": (CONTAINERD, 0o644),
        "etc/systemd/system/kubelet.service": (KUBELET, 0o644),
        "etc/systemd/system/kubelet.service.d/10-kubeadm.conf": (KUBEADM, 0o644),
        "etc/systemd/system/kubelet.service.d/11-kind.conf": (KIND, 0o644),
        "etc/systemd/system/kubelet.slice": (SLICE, 0o644),
    }
    builder = provider.create(ContainerSpec(name=tag.replace("/", "-").replace(":", "-"), image=image, labels=marks, entrypoint=["sleep", "600"]))
    try:
        provider.start(builder)
        _run(provider, builder, f"cp /etc/containerd/config.toml /tmp/ours.toml; rm -rf {' '.join(_OURS)}")
        with texts_archive({name: (text.encode(), mode) for name, (text, mode) in files.items()}) as archive:
            provider.put(builder, "/", archive)
        _run(provider, builder, _FINISH)
        provider.stop(builder, 0)
        return provider.commit(builder, tag, labels={}, entrypoint=["/usr/local/bin/entrypoint", "/sbin/init"], environment={"container": "docker"})
    finally:
        provider.remove(builder)


def _run(provider: Provider, builder: str, script: str) -> None:
    done = provider.exec(builder, ["bash", "-o", "errexit", "-c", script])
    assert done.code == 0, done.output

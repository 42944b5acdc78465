"""The faults of a cluster, as its handle offers them. Those of one node are on :class:`~pytest_kind.node.KindNode`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

from pytest_kind.node import KindNode
from pytest_kind.toolbox.faults import certificates, components, network

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster
    from pytest_kind.toolbox.faults.certificates import Certificate


class Faults:
    """Context managers that break something and mend it when the block ends, however it ends.

    With ``wait`` the block's end waits until what was broken is well again, ``timeout`` seconds at most; where faults overlap, the
    last that ends does. What cannot be undone raises, or is a note of the block's own error.

    Every one of them raises a :class:`~pytest_kind.errors.UsageError` where xdist's workers share the cluster: mark the test
    ``fresh=True``.
    """

    def partition(
        self,
        one: KindNode | str | Iterable[KindNode | str],
        other: KindNode | str | Iterable[KindNode | str],
        *,
        wait: bool = True,
        timeout: float = 120.0,
    ) -> AbstractContextManager[None]:
        """Two groups of nodes that do not reach each other, neither way; their pods do not either.

        Each still reaches all others, and the test reaches the API as before. The load balancer of several control planes is a
        machine like any other (``<name>-external-load-balancer``).

        Args:
            one: a node, its name, or several.
            other: likewise.
            wait: until the API, every node and DNS are well, afterwards.
            timeout: seconds for that.

        Raises:
            UsageError: a name that is none, nobody on one side, somebody on both.
            KindError: it could not be undone, or the cluster did not get well.
        """
        return network.partition(_handle(self), one, other, wait=wait, timeout=timeout)

    def isolated(self, node: KindNode | str, *, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """A node that reaches no other machine of the cluster, nor they it: :meth:`partition` from all of them.

        The only control plane's API is still reached from the test.
        """
        return network.isolated(_handle(self), node, wait=wait, timeout=timeout)

    def component_down(
        self, component: str, *, node: KindNode | str | None = None, wait: bool = True, timeout: float = 120.0
    ) -> AbstractContextManager[None]:
        """A part of the control plane that does not run, whether it is a unit of its node or a static pod.

        Args:
            component: ``etcd``, ``kube-apiserver``, ``kube-controller-manager`` or ``kube-scheduler``.
            node: a control plane; by default all that run.
            wait: until it answers, afterwards; after etcd and the API server, until the whole cluster is well.
            timeout: seconds for that.

        Raises:
            UsageError: another name, or the node is no control plane that runs.
            KindError: it could not be undone, or did not answer.
        """
        return components.down(_handle(self), component, node, wait=wait, timeout=timeout)

    def component_restarted(
        self, component: str, *, node: KindNode | str | None = None, wait: bool = True, timeout: float = 120.0
    ) -> AbstractContextManager[None]:
        """A part of the control plane that is killed and comes back by itself while the block runs: see :meth:`component_down`."""
        return components.restarted(_handle(self), component, node, wait=wait, timeout=timeout)

    def api_server_down(self, *, node: KindNode | str | None = None, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """No API server, or none on one of several control planes: :meth:`component_down` of ``kube-apiserver``."""
        return components.down(_handle(self), "kube-apiserver", node, wait=wait, timeout=timeout)

    def api_server_restarted(self, *, node: KindNode | str | None = None, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """An API server that is killed and comes back: watches end, connections break. :meth:`component_restarted` of it."""
        return components.restarted(_handle(self), "kube-apiserver", node, wait=wait, timeout=timeout)

    def dns_down(self, *, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """A cluster without DNS: CoreDNS is scaled to none, and back.

        Args:
            wait: until DNS answers on every node, afterwards.
            timeout: seconds for that.

        Raises:
            UsageError: it has no CoreDNS that is scaled to some.
        """
        return components.dns_down(_handle(self), wait=wait, timeout=timeout)

    def certificates(self) -> tuple[Certificate, ...]:
        """The certificates of every control plane that runs, and until when they are good, as ``kubeadm certs check-expiration`` says.

        Raises:
            UsageError: no control plane runs.
            CommandError: kubeadm cannot tell.
        """
        return certificates.certificates(_handle(self))

    def expired(
        self, certificate: str, *, node: KindNode | str | None = None, wait: bool = True, timeout: float = 120.0
    ) -> AbstractContextManager[None]:
        """An API server with a certificate that expired yesterday; the block begins when it has begun anew with it.

        Args:
            certificate: ``apiserver`` (its own: clients refuse it), ``apiserver-kubelet-client`` (kubelets refuse logs and exec),
                ``front-proxy-client`` (aggregated APIs refuse), or ``apiserver-etcd-client`` (etcd refuses: there is no API).
            node: a control plane; by default all that run.
            wait: until the API, every node and DNS are well, afterwards.
            timeout: seconds for each.

        Raises:
            UsageError: another name, or the node is no control plane that runs.
            KindError: it could not be undone, or the cluster did not get well.
        """
        return certificates.expired(_handle(self), certificate, node, wait=wait, timeout=timeout)


def _handle(cluster: Faults) -> KindCluster:
    return cast("KindCluster", cluster)

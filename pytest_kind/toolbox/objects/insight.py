"""What a cluster's handle has for looking into pods, and for acting as others than the administrator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, overload

from pytest_kind.toolbox.objects import connection, logs
from pytest_kind.toolbox.objects import target as targets
from pytest_kind.toolbox.objects.scope import Scope

if TYPE_CHECKING:
    from pytest_kind.api.client import IdentityClient
    from pytest_kind.toolbox.objects.connection import Connection, Host
    from pytest_kind.toolbox.objects.inside import ExecResult
    from pytest_kind.toolbox.objects.logs import LogLines, Since
    from pytest_kind.toolbox.objects.rights import Rule
    from pytest_kind.toolbox.objects.target import Target


class Insight:
    """``exec``, ``logs``, ``as_user``, ``service_account``."""

    _connection: Connection | None = None

    # Inside

    def exec(
        self: Host,
        pod: Target,
        *argv: str,
        container: str | None = None,
        namespace: str | None = None,
        input: str | bytes | None = None,  # noqa: A002 - subprocess' word
        timeout: float = 60.0,
        check: bool = True,
    ) -> ExecResult:
        """Runs a command in a pod.

        Args:
            pod: its name, or ``deployment/web`` and the like: then one that is ready.
            container: by default the pod's default container (kubectl's rule: its annotation, or the first).
            namespace: ``default`` by default.
            input: what the command reads as standard input, to its end.
            timeout: seconds. Kubernetes has no way to end a command: it may go on in its container.
            check: whether an exit status other than 0 is an error.

        Raises:
            CommandError: it ended with something else than 0.
            KindError: the pod does not run, or the command could not be started.
            WaitTimeout: it did not end in time; the message has what it wrote last.
        """
        from pytest_kind.toolbox.objects import inside  # noqa: PLC0415 - and asyncio, for those who run commands

        wanted = targets.parse("exec", pod, None, namespace, bare="pod")
        where, result = inside.run(connection.connection(self), wanted, argv, container, input, timeout)
        return inside.checked(where, argv, result) if check else result

    @overload
    def logs(
        self: Host,
        target: Target,
        *,
        container: str | None = ...,
        namespace: str | None = ...,
        selector: str | None = ...,
        follow: Literal[False] = ...,
        since: Since = ...,
        tail: int | None = ...,
        previous: bool = ...,
        timeout: float = ...,
    ) -> str: ...

    @overload
    def logs(
        self: Host,
        target: Target,
        *,
        container: str | None = ...,
        namespace: str | None = ...,
        selector: str | None = ...,
        follow: Literal[True],
        since: Since = ...,
        tail: int | None = ...,
        previous: bool = ...,
        timeout: float = ...,
    ) -> LogLines: ...

    def logs(  # noqa: PLR0913 - as many as kubectl has
        self: Host,
        target: Target,
        *,
        container: str | None = None,
        namespace: str | None = None,
        selector: str | None = None,
        follow: bool = False,
        since: Since = None,
        tail: int | None = None,
        previous: bool = False,
        timeout: float = 60.0,
    ) -> str | LogLines:
        """What containers wrote.

        Args:
            target: a pod's name, ``deployment/web`` and the like, or ``pods`` with a ``selector``. Unless it is one container
                of one pod that is named, each line begins with ``[POD/CONTAINER]``.
            container: by default the pod's default container (kubectl's rule); ``*`` for all.
            namespace: ``default`` by default.
            selector: of labels.
            follow: lines as they come: ``with kind_cluster.logs(…, follow=True) as lines: for line in lines: …``. A container
                that has not started is waited for. It ends with its block, and when the containers of the pods that were
                there have ended.
            since: ``"test"`` for what was written since this test began, a number of seconds, a datetime.
            tail: so many lines of each container.
            previous: of the container before the last restart.
            timeout: seconds that lines may be followed; the next line after that is a WaitTimeout.

        Raises:
            UsageError: no such target or container can be.
            ApiError: there is no such pod, or no log of it.
            KindError: there are no pods.
        """
        there = connection.connection(self)
        wanted = targets.parse("logs", target, selector, namespace, bare="pod")
        options = {"follow": "true"} if follow else {}
        options |= {"previous": "true"} if previous else {}
        options |= {"tailLines": str(tail)} if tail is not None else {}
        chosen = logs.plan(there, wanted, container, since, options)
        return logs.LogLines(there, f"the log of {wanted}", chosen, timeout) if follow else logs.text(there.api, chosen)

    # Others than the administrator

    def as_user(
        self: Host,
        name: str,
        groups: Sequence[str] = (),
        *,
        rules: Sequence[Rule] = (),
        cluster_role: str | None = None,
        namespace: str | None = None,
        cluster_wide: bool = False,
    ) -> IdentityClient:
        """A client of the ``kubernetes`` package that acts as a user, by a certificate of the cluster's authority.

        The certificate is valid for 12 hours. Without ``rules`` and ``cluster_role`` the user may do what every user may.

        Args:
            groups: that the user is in.
            rules: what the user may do: ``"get,list pods"``, ``"create deployments.apps"``, or PolicyRules.
            cluster_role: one that is there, such as ``view``, ``edit``, ``admin``.
            namespace: where; ``default`` by default.
            cluster_wide: everywhere instead.

        Returns:
            The client; its ``kubeconfig_path`` is for tools. The API server goes by the rights when it is there.

        Raises:
            UsageError: a rule that is none, a ClusterRole that is not there.
        """
        return Scope(self).as_user(name, groups, rules=rules, cluster_role=cluster_role, namespace=namespace, cluster_wide=cluster_wide)

    def service_account(
        self: Host,
        name: str,
        namespace: str | None = None,
        *,
        rules: Sequence[Rule] = (),
        cluster_role: str | None = None,
        cluster_wide: bool = False,
    ) -> IdentityClient:
        """A client that acts as a ServiceAccount, by a token of 12 hours; the account is made where it is not there.

        Args:
            namespace: of the account, and of its rights; ``default`` by default.
            rules: as for :meth:`as_user`.
            cluster_role: likewise.
            cluster_wide: the rights are everywhere.

        Raises:
            UsageError: a rule that is none, a ClusterRole that is not there.
            ApplyError: it cannot be made, in a namespace that is not there for example.
        """
        return Scope(self).service_account(name, namespace, rules=rules, cluster_role=cluster_role, cluster_wide=cluster_wide)

    def close_connection(self) -> None:
        """Ends what the tools have open. They open it again where they are used again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

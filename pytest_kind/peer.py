"""``KindCluster`` as tests get it and import it: our handle, with everything that PyPI's pytest-kind has.

Names and signatures are those of pytest-kind 22.11.1; what they do is written here, and is said where it differs.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from pytest_kind import handle, labels
from pytest_kind.api import kubeconfig as kubeconfigs_of
from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.naming import check_cluster_name
from pytest_kind.toolbox import kubeconfigs
from pytest_kind.toolbox.faults.mixin import Faults
from pytest_kind.toolbox.namespaced import Namespaces
from pytest_kind.toolbox.objects.connection import connection
from pytest_kind.toolbox.objects.handle import Objects
from pytest_kind.toolbox.reach.mixin import Reach

__all__ = ["KindCluster", "KubectlError", "MissingExtra"]

_NO_PYKUBE = (
    "api is a pykube client, and pykube-ng is not installed: pip install 'pytest-kind-native[pykube]', "
    "or use client, which is the kubernetes package's"
)
_MEANINGLESS = {"encoding", "errors", "text", "universal_newlines"}  # output is always text, in UTF-8
_RUN = 'at=$1; shift; trap \'rm -rf "$at"\' EXIT; exec <"$at/stdin"; kubectl "$@"'


class MissingExtra(KindError, AttributeError):
    """An attribute that takes a package which is not installed; ``hasattr`` says no."""


class KubectlError(CommandError, subprocess.CalledProcessError):
    """``kubectl`` ended with something else than 0. Also what tests written for PyPI's pytest-kind expect."""

    def __init__(self, error: CommandError) -> None:
        Exception.__init__(self, str(error))  # the parents' own two take different arguments
        self.where, self.argv, self.code = error.where, error.argv, error.code
        self.returncode, self.cmd, self.output, self.stderr = error.code, list(error.argv), error.output, error.output

    def __str__(self) -> str:
        return str(self.args[0])


class KindCluster(handle.KindCluster, Objects, Reach, Faults, Namespaces):
    """A cluster: the fixture's, or one made by hand.

    By hand, ``KindCluster("name")`` is a description until :meth:`create`; the cluster stays until :meth:`delete`, also
    after the process. Options are then the environment's: ``PYTEST_KIND_IMAGE`` and so on.

    Args:
        name: of the cluster.
        kubeconfig: where its kubeconfig is written (default: ``.pytest-kind/<name>/kubeconfig``).
        image: a node image.
        kind_path: kept and not used: there is no kind binary.
        kubectl_path: kept and not used: kubectl is the node's.

    Attributes:
        image: the node image that was asked for, if any.
        platform: of this machine: ``linux``, ``darwin``.
    """

    platform = sys.platform

    def __init__(
        self,
        name: str,
        kubeconfig: Path | str | None = None,
        image: str | None = None,
        kind_path: Path | str | None = None,
        kubectl_path: Path | str | None = None,
    ) -> None:
        self.name = check_cluster_name(name, "KindCluster(name)")
        self.image = image
        self.path = Path(".pytest-kind").absolute() / name
        self.kubeconfig_path = Path(kubeconfig).absolute() if kubeconfig is not None else self.path / "kubeconfig"
        self.kind_path = None if kind_path is None else Path(kind_path)
        self.kubectl_path = None if kubectl_path is None else Path(kubectl_path)
        self._api: Any = None
        self._close: Callable[[], None] | None = None
        self._by_hand = True
        self._published: Path | None = None  # a kubeconfig that no session removes

    @classmethod
    def of(cls, made: handle.KindCluster) -> KindCluster:
        """The same cluster with all of this class; the other handle is not to be used any more."""
        self = cls(made.name, made.kubeconfig_path, made.config.nodes[0].image)
        self._take(made)
        self.path, self._by_hand = made.kubeconfig_path.parent, False
        return self

    def __repr__(self) -> str:
        return super().__repr__() if self._there else f"<KindCluster {self.name!r}, not created>"

    def __getattr__(self, name: str) -> NoReturn:
        # Called for what has no value: before create(), and where a property of this class raises an AttributeError.
        if name == "api" and self._there:
            raise MissingExtra(_NO_PYKUBE)
        if name in _FIELDS | {"api", "nodes"}:
            raise AttributeError(f"cluster {self.name} is not there: {name} is known after create()")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _there(self) -> bool:
        try:
            return not object.__getattribute__(self, "_deleted")
        except AttributeError:
            return False

    def _take(self, made: handle.KindCluster) -> None:
        for name in _FIELDS - {"kubeconfig_path"}:
            setattr(self, name, getattr(made, name))

    def create(self, config_file: str | Path | None = None) -> None:
        """Makes the cluster, or attaches to the one that is there.

        Args:
            config_file: in kind's v1alpha4 format. One that is there and is like another configuration is replaced, as with
                ``--kind-keep``, unless another run uses it.

        Raises:
            UsageError: the name is in use by something else, or the fixture's cluster is of another configuration.
            BootError: it did not come up; nothing of it is left.
        """
        from pytest_kind.config.load import from_file  # noqa: PLC0415 - pydantic, for those who make clusters
        from pytest_kind.config.types import ClusterConfig  # noqa: PLC0415

        config = ClusterConfig() if config_file is None else from_file(Path(config_file))
        if self._there:
            if config_file is not None and config.digest != self.config.digest:
                raise UsageError(f"create: cluster {self.name} is there and is not like {config_file}; give the file as --kind-config")
            return
        if not self._by_hand:
            raise UsageError(f"create: cluster {self.name} was the fixture's and is deleted; kind_cluster_factory makes others")
        kubeconfigs.check(self.kubeconfig_path, f"KindCluster({self.name!r})")
        with contextlib.ExitStack() as undoing:
            made = _make(self.name, self.image, config, undoing)
            self._take(made)
            wanted, self.kubeconfig_path = self.kubeconfig_path, made.kubeconfig_path
            self.publish_kubeconfig(wanted, f"KindCluster({self.name!r})")
            self._close = undoing.pop_all().close
        atexit.register(self._close)

    def delete(self) -> None:
        """Removes the cluster, also one of that name that an earlier process made. Does nothing where there is none."""
        if self._there or not self._by_hand:
            super().delete()
        else:
            _delete(self.name)
        if self._published is not None:
            self._published.unlink(missing_ok=True)
        self._api = None
        if self._close is not None:
            atexit.unregister(self._close)
            self._close()
            self._close = None

    def reached_by(self, admin: dict[str, Any]) -> None:
        """From now on this is how the API is reached; the clients of users and service accounts follow."""
        super().reached_by(admin)
        self._api = None
        if self._connection is not None:
            connection(self)

    def release(self) -> None:
        """Lets go of the cluster without removing it; what the toolbox has open is closed."""
        self.close_connection()
        super().release()

    def publish_kubeconfig(self, path: Path, source: str) -> None:
        """Puts the kubeconfig where somebody wants it; it goes with the cluster."""
        kubeconfigs.write(path, self.kubeconfig_path.read_text(encoding="utf-8"), source)
        self.kubeconfig_path = path
        self._published = path

    def load_docker_image(self, docker_image: str) -> None:
        """The same as ``load_image``."""
        self.load_image(docker_image)

    def kubectl(
        self,
        *args: str | Path,
        input: str | bytes | None = None,  # noqa: A002 - subprocess' word
        timeout: float | None = 300.0,
        cwd: Path | str | None = None,
        **kwargs: object,
    ) -> str:
        """Runs the own kubectl of a control plane that runs, as administrator, and returns its standard output.

        Files and folders of this machine that the command names (``-f``, ``-k``, ``--from-file``, ``--from-env-file``,
        ``--patch-file``, ``--cert``, ``--key``, ``cp`` to a pod) are put on the node for it. There is no way back: use
        ``exec POD -- cat FILE`` instead of ``cp`` from a pod.

        Args:
            input: what it reads as standard input (``-f -``).
            timeout: seconds; none is an hour.
            cwd: where relative paths start.

        Raises:
            KubectlError: it ended with something else than 0; the message has its standard error.
            TypeError: another keyword of ``subprocess``, which would mean nothing on the node.
        """
        unknown = sorted(set(kwargs) - _MEANINGLESS)
        if unknown:
            raise TypeError(f"kubectl: {', '.join(unknown)} is not accepted; accepted are input, timeout, cwd")
        from pytest_kind.image.archive import files_archive  # noqa: PLC0415
        from pytest_kind.toolbox.kubectl_files import gather  # noqa: PLC0415

        place = f"/kind/input-{secrets.token_hex(8)}"
        argv, found = gather([str(word) for word in args], Path(cwd or "."), place)
        seconds = 3600.0 if timeout is None else timeout
        node = self._control_plane()
        try:
            if not found and input is None:
                return node.exec("kubectl", *argv, timeout=seconds)
            content = input.encode() if isinstance(input, str) else input or b""
            files: dict[str, bytes | Path] = {f"{place}/stdin": content, **found}
            with files_archive({name.lstrip("/"): file for name, file in files.items()}, self._site.folder, 0o600) as archive:
                self._site.provider.put(node.container, "/", archive)
            return node.exec("sh", "-c", _RUN, "kubectl", place, *argv, timeout=seconds)
        except CommandError as error:
            shown = CommandError(error.where, ("kubectl", *argv), error.code, error.output)
            raise KubectlError(shown) from None

    @contextlib.contextmanager
    def port_forward(
        self, service_or_pod_name: str, remote_port: int | str, *args: str, local_port: int | None = None, retries: float = 10
    ) -> Iterator[int]:
        """A port of this machine (of loopback) that leads to one of a pod, until the block ends.

        In this process, for any number of connections, each of which goes to a pod that runs when it begins. What a pod still
        sends after its client has ended is delivered until it is silent for a second. A connection that breaks is reset, and
        the reason is logged.

        Args:
            service_or_pod_name: a pod's name, or ``pod/``, ``svc/``, ``deployment/``, ``statefulset/`` … and a name. Of several
                pods one that is ready is taken.
            remote_port: the pod's port, or the Service's, whose target port is then used; a number or a name.
            args: ``-n NAMESPACE`` (default: ``default``), ``--address ADDRESS`` to listen on.
            local_port: default: a free one.
            retries: seconds to wait for a pod that is ready (one that runs is taken after that), and for each connection until
                its port is open. PyPI's counts attempts, a second apart.

        Raises:
            UsageError: arguments that are not accepted, a port that the Service does not have, a local port in use.
            WaitTimeout: there is no such pod that runs.
        """
        from pytest_kind.toolbox import port_forward  # noqa: PLC0415

        wanted = port_forward.parse(service_or_pod_name, remote_port, args)
        with port_forward.port_forward(lambda: kubeconfigs_of.credentials(self._admin), self._site.folder, wanted, local_port, retries) as port:
            yield port

    @property
    def api(self) -> Any:  # noqa: ANN401 - pykube has no types
        """A pykube client for the cluster, where pykube-ng is installed (the extra ``pykube``); else see ``client``.

        Raises:
            MissingExtra: it is not.
        """
        if self._api is None and self._there:
            try:
                import pykube  # type: ignore[import-not-found]  # noqa: PLC0415
            except ImportError as error:
                raise MissingExtra(_NO_PYKUBE) from error
            self._api = pykube.HTTPClient(pykube.KubeConfig(self._admin))
        if self._api is None:
            raise AttributeError
        return self._api

    def ensure_kind(self) -> None:
        """Does nothing: there is no kind binary to fetch."""

    def ensure_kubectl(self) -> None:
        """Does nothing: kubectl is the node's."""

    def environment(self) -> contextlib.AbstractContextManager[Path]:
        """``KUBECONFIG`` leads to this cluster until the block ends: for libraries, and programs started in it."""
        return kubeconfigs.environment(self.kubeconfig_path)


_FIELDS = {field.name for field in dataclasses.fields(handle.KindCluster)} - {"name"}


def _make(name: str, image: str | None, config: Any, undoing: contextlib.ExitStack) -> handle.KindCluster:  # noqa: ANN401
    from pytest_kind.cluster import Maker, Request  # noqa: PLC0415 - the whole story, for those who make clusters
    from pytest_kind.lease.session import Session  # noqa: PLC0415
    from pytest_kind.progress import PlainProgress  # noqa: PLC0415
    from pytest_kind.provision import docker_engine  # noqa: PLC0415

    given = _environment()
    provider = docker_engine.connect()
    undoing.callback(provider.close)
    session = Session.open(given["cache_dir"])
    undoing.callback(session.close)
    progress = PlainProgress(write=lambda text: print(text, end="", file=sys.stderr, flush=True))  # noqa: T201
    maker = Maker(connect=docker_engine.connect, provider=provider, session=session, cache=given["cache_dir"], progress=progress)
    return maker.make(
        Request(
            config=config,
            name=name,
            image=image or config.nodes[0].image or given["image"],
            version=given["version"],
            keep=True,
            network=given["network"],
            timeout=given["timeout"],
        )
    )


def _delete(name: str) -> None:
    from pytest_kind.provision import docker_engine  # noqa: PLC0415

    provider = docker_engine.connect()
    try:
        nodes = provider.containers({labels.CLUSTER: name})
        if nodes and not labels.is_ours(nodes[0].labels):
            raise UsageError(f"delete: cluster {name!r} is not ours (container {nodes[0].name})")
        handle.remove_cluster(provider, name)
    finally:
        provider.close()


def _environment() -> dict[str, Any]:
    """The options that a process without pytest has: variables alone."""
    from pytest_kind.options import OPTIONS, default_cache  # noqa: PLC0415

    values: dict[str, Any] = {}
    wrong: list[str] = []
    for option in OPTIONS:
        raw = os.environ.get(option.environment)
        try:
            values[option.name] = option.default if raw is None else option.parse(raw)
        except ValueError as error:
            wrong.append(f"{option.environment}: {raw!r} is not accepted; accepted is {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    values["cache_dir"] = (values["cache_dir"] or default_cache()).absolute()
    return values

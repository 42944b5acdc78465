"""Namespaces as a cluster's handle offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from pytest_kind.toolbox.wished_namespace import parse

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster


class Namespaces:
    """Further namespaces, for tests and fixtures that take more than ``kind_namespace``."""

    def namespace(
        self,
        name: str = "test",
        *,
        quota: Mapping[str, str | int] | None = None,
        limits: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        pod_security: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[str]:
        """A fresh namespace until the block ends, with its default ServiceAccount; deleted without waiting. The value is its name.

        Args:
            name: what its name begins with; the rest is random.
            quota: a ResourceQuota's ``hard``: ``{"pods": 5, "requests.memory": "1Gi"}``. It counts when the block begins.
            limits: of each container, as a LimitRange has them: ``{"default": {"memory": "64Mi"}, "max": …}``; or a list of
                such items, each with its ``type`` (``Container``, ``Pod``, ``PersistentVolumeClaim``).
            pod_security: the level that its pods must have: ``privileged``, ``baseline`` or ``restricted``.
            labels: of the namespace.
            annotations: likewise.

        Raises:
            UsageError: what is not accepted, here or by the API; nothing is left.
            WaitTimeout: it could not be used within 30 s; nothing is left.
        """
        from pytest_kind.toolbox.namespaces import lasting  # noqa: PLC0415 - the full client: half a second, for those who make some

        values = {"quota": quota, "limits": limits, "pod_security": pod_security, "labels": labels, "annotations": annotations}
        return lasting(cast("KindCluster", self), name, parse(values, "namespace(…)"), "namespace(…)")

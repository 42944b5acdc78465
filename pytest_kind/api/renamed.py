"""Names that the ``kubernetes`` package has dropped and kubetest 0.9.5 still looks up while it is imported."""

from __future__ import annotations

from typing import NoReturn

from kubernetes import client

# The same class under its present name.
_RENAMED = {"V1Event": "CoreV1Event", "V1Subject": "RbacV1Subject"}
# APIs that no server has any more -> the last minor version that had them (Kubernetes' deprecated API migration guide).
_GONE = {
    "AppsV1beta1Api": "1.15",
    "AppsV1beta2Api": "1.15",
    "ExtensionsV1beta1Api": "1.21",
    "RbacAuthorizationV1alpha1Api": "1.21",
    "RbacAuthorizationV1beta1Api": "1.21",
}


def restore() -> None:
    """Puts them back where they are missing: renamed ones as they are, and those whose API is gone so that their use says so."""
    for old, new in _RENAMED.items():
        if not hasattr(client, old):
            setattr(client, old, getattr(client, new))
    for name, last in _GONE.items():
        if not hasattr(client, name):
            setattr(client, name, _gone(name, last))


def _gone(name: str, last: str) -> type:
    def refuse(self: object, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError(f"{name}: Kubernetes {last} was the last to serve this API; use the v1 one (apiVersion in the manifest)")

    return type(name, (), {"__init__": refuse})

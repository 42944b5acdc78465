"""A CustomResourceDefinition, and objects of it through the dynamic client: the start of an operator's test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiClient
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import UnprocessibleEntityError

if TYPE_CHECKING:
    from pytest_kind import KindCluster

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties: {size: {type: integer, minimum: 1}}
"""


@pytest.fixture(scope="module")
def widgets(kind_cluster: KindCluster, kind_client: ApiClient) -> Iterator[Any]:
    kind_cluster.kubectl("apply", "-f", "-", input=CRD)
    kind_cluster.kubectl("wait", "crd/widgets.example.com", "--for=condition=Established", "--timeout=30s")
    yield DynamicClient(kind_client).resources.get(api_version="example.com/v1", kind="Widget")
    kind_cluster.kubectl("delete", "crd", "widgets.example.com")


def widget(size: int) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": size}}


def test_an_object_is_stored(widgets: Any, kind_namespace: str) -> None:  # noqa: ANN401 - the dynamic client has no types
    widgets.create(namespace=kind_namespace, body=widget(3))
    assert widgets.get(name="one", namespace=kind_namespace).spec.size == 3  # noqa: PLR2004


def test_its_schema_is_enforced(widgets: Any, kind_namespace: str) -> None:  # noqa: ANN401
    with pytest.raises(UnprocessibleEntityError, match="should be greater than or equal to 1"):
        widgets.create(namespace=kind_namespace, body=widget(0))

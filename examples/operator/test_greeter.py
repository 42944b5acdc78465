"""Greetings are followed, and refused where somebody is greeted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind import ApplyError

if TYPE_CHECKING:
    from pytest_kind import KindCluster


def greeting(name: str, who: str) -> dict[str, Any]:
    return {"apiVersion": "greeter.example.com/v1", "kind": "Greeting", "metadata": {"name": name}, "spec": {"name": who}}


def test_the_schema_wants_a_name(kind_apply: Callable[..., Any]) -> None:
    with pytest.raises(ApplyError, match="should be at least 1 chars long"):
        kind_apply(greeting("first", ""))


@pytest.mark.usefixtures("operator")
def test_it_greets_follows_a_change_and_takes_its_text_along(kind_apply: Callable[..., Any], kind_cluster: KindCluster) -> None:
    first = kind_apply(greeting("first", "Ada"))
    kind_cluster.wait_for(first, "{.status.text}=Hello, Ada!")

    kind_apply(greeting("first", "Grace"))
    kind_cluster.wait_for(first, "{.status.text}=Hello, Grace!")
    text = kind_cluster.get("configmap/first", namespace=first.namespace)
    assert text.data.text == "Hello, Grace!"

    kind_cluster.delete_objects(first)
    kind_cluster.wait_for(text, "delete")


@pytest.mark.usefixtures("operator")
def test_each_is_greeted_once(kind_apply: Callable[..., Any], kind_cluster: KindCluster) -> None:
    first, _ = kind_apply([greeting("first", "Ada"), greeting("second", "Grace")])
    with pytest.raises(ApplyError, match="Ada is greeted already, by first"):
        kind_apply(greeting("third", "Ada"))
    with pytest.raises(ApplyError, match="Ada is greeted already, by first"):
        kind_apply(greeting("second", "Ada"))

    kind_apply(greeting("first", "Katherine"))
    kind_cluster.wait_for(first, "{.status.text}=Hello, Katherine!")
    kind_cluster.wait_for(kind_apply(greeting("third", "Ada")), "{.status.text}=Hello, Ada!")

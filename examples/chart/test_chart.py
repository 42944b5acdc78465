"""A chart's release: it serves what its values say, and an upgrade replaces it while it serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_kind import KindCluster
    from pytest_kind.toolbox.reach.http import Http

CHART = Path(__file__).parent / "web"


def test_an_upgrade_serves_the_new_page(
    kind_apply: Callable[..., Any], kind_cluster: KindCluster, kind_http: Http, kind_namespace: str, busybox: str
) -> None:
    def release(**values: Any) -> None:  # noqa: ANN401 - a chart's values
        kind_apply(CHART, release="blue", values={"image": busybox, **values})
        kind_cluster.wait_for("deployment/blue", "rollout", namespace=kind_namespace)

    release(page="one", replicas=2)
    assert kind_http.get("http://blue/").text == "one"
    assert kind_cluster.get("deployment/blue", namespace=kind_namespace).status.readyReplicas == 2  # noqa: PLR2004

    release(page="two")
    assert kind_http.get("http://blue/").text == "two"
    assert kind_cluster.get("deployment/blue", namespace=kind_namespace).status.readyReplicas == 1

"""Three students, a cluster each, one exercise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_kind import KindError

if TYPE_CHECKING:
    from pytest_kind import KindCluster

EXERCISE = Path(__file__).parent / "exercise"
STUDENTS = ["ada", "grace", "linus"]
NO_PODS = "http: a pod of Service shop in namespace default: not within 1.0 s; last seen: there are no pods with its labels, app="


@pytest.fixture(scope="module")
def classroom(kind_cluster_factory: Callable[..., KindCluster], busybox: str) -> Iterator[dict[str, KindCluster]]:
    """Each student's cluster, with the exercise in it; all of them go with the lesson."""
    given = (EXERCISE / "given.yaml").read_text(encoding="utf-8").replace("IMAGE", busybox)
    clusters = {student: kind_cluster_factory() for student in STUDENTS}
    for cluster in clusters.values():
        cluster.apply(given)
    for cluster in clusters.values():
        cluster.wait_for("deployment/shop", "rollout")
    yield clusters
    for cluster in clusters.values():
        cluster.delete()


def check(cluster: KindCluster, timeout: float) -> str:
    """What is wrong with a student's cluster; nothing where it is right."""
    try:
        with cluster.http(timeout=timeout) as session:
            said = session.get("http://shop/").text
    except KindError as error:
        return str(error)
    return "" if said == "welcome\n" else f"http://shop/ says {said!r}"


def test_the_exercise_is_not_solved_as_it_is_given(classroom: dict[str, KindCluster]) -> None:
    assert [check(cluster, timeout=1) for cluster in classroom.values()] == [f"{NO_PODS}store"] * len(STUDENTS)


def test_each_has_what_they_made_of_it(classroom: dict[str, KindCluster]) -> None:
    ada, grace, linus = classroom.values()
    ada.apply(EXERCISE / "solution.yaml")  # as it was meant
    grace.apply((EXERCISE / "solution.yaml").read_text(encoding="utf-8").replace("app: shop", "app: shops"))  # nearly
    linus.delete_objects([linus.get("deployment/shop"), linus.get("service/shop")])  # thought he would begin anew

    assert check(ada, timeout=30) == ""
    assert check(grace, timeout=1) == f"{NO_PODS}shops"
    assert "there is no Service shop in namespace default" in check(linus, timeout=1)

"""Beside other plugins and frameworks: unittest, a loop, a rerun, on the cluster that all tests share. More of it is hermetic: tests/beside."""

from __future__ import annotations

import asyncio
import unittest

import pytest
from kubernetes.client import CoreV1Api

from pytest_kind import KindCluster
from pytest_kind.waiting import Deadline, NotYet, wait_for

TURNS: list[str] = []


@pytest.fixture(scope="class")
def _on_class(request: pytest.FixtureRequest, kind_cluster: KindCluster) -> None:
    request.cls.cluster = kind_cluster


@pytest.mark.usefixtures("_on_class")
class TestCase(unittest.TestCase):
    """A class of unittest's."""

    cluster: KindCluster

    def test_it_has_the_cluster(self) -> None:
        assert self.cluster.wait_for("deployment/coredns", "Available", namespace="kube-system").name == "coredns"


def test_by_its_name_it_is_the_same(request: pytest.FixtureRequest, kind_cluster: KindCluster) -> None:
    assert request.getfixturevalue("kind_cluster") is kind_cluster
    assert TestCase.cluster is kind_cluster


def test_a_loop_goes_on_while_a_thread_waits(kind_cluster: KindCluster, kind_namespace: str) -> None:
    async def both() -> str:
        waiting = asyncio.create_task(asyncio.to_thread(kind_cluster.wait_for, "configmap/late", "exists", namespace=kind_namespace))
        await asyncio.sleep(0)
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}}
        await asyncio.to_thread(kind_cluster.apply, made, namespace=kind_namespace)
        return str((await waiting).name)

    assert asyncio.run(both()) == "late"


@pytest.mark.flaky(reruns=1)
def test_a_rerun_has_a_namespace_of_its_own_and_the_first_ones_goes(kind_namespace: str, kind_cluster: KindCluster) -> None:
    TURNS.append(kind_namespace)
    assert len(TURNS) == 2, "on purpose, in the first turn"
    assert len(set(TURNS)) == 2

    def gone() -> bool | NotYet:
        there = {one.metadata.name: one for one in CoreV1Api(kind_cluster.client).list_namespace().items}
        return TURNS[0] not in there or NotYet(f"{TURNS[0]} is {there[TURNS[0]].status.phase}")

    wait_for("the end of the first turn's namespace", gone, Deadline(60), every=0.2)

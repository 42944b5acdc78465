"""Async tests and fixtures: pytest-asyncio in both modes and with loops of any scope, and anyio."""

from __future__ import annotations

import pytest

from support.kube import Kube
from support.project import Project

ASYNCIO = """
import asyncio, pytest_asyncio

@pytest_asyncio.fixture(scope='session', loop_scope='session')
async def shared(kind_cluster):
    await asyncio.sleep(0)
    yield kind_cluster.name
    await asyncio.sleep(0)

@pytest_asyncio.fixture
async def mine(kind_namespace):
    await asyncio.sleep(0)
    yield kind_namespace

@pytest.mark.asyncio
async def test_a(kind_cluster, mine, kind_namespace):
    assert mine == kind_namespace and mine.startswith('test-a-')
    assert kind_cluster.name

@pytest.mark.asyncio(loop_scope='session')
async def test_b(shared, kind_cluster, kind_environment):
    assert shared == kind_cluster.name

@pytest.mark.asyncio
@pytest.mark.kind({'nodes': [{'role': 'control-plane'}, {'role': 'worker'}]})
async def test_marked(kind_cluster):
    assert len(kind_cluster.nodes) == 2

def test_c(shared, kind_cluster):
    assert shared == kind_cluster.name
"""
ANYIO = """
import anyio
pytestmark = pytest.mark.anyio

@pytest.fixture(params=['asyncio', 'asyncio+debug'])
def anyio_backend(request): return ('asyncio', {'debug': request.param.endswith('debug')})

@pytest.fixture
async def mine(kind_namespace):
    await anyio.sleep(0)
    yield kind_namespace

async def test_a(kind_cluster, mine, kind_namespace): assert mine == kind_namespace
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio(project: Project, kube: Kube, mode: str) -> None:
    project.tests(ASYNCIO)
    project.run(f"--asyncio-mode={mode}", "-p", "no:anyio", "--randomly-seed=3").assert_outcomes(passed=4)
    assert len(project.engine.made("create")) == 3  # two nodes in one of them
    assert project.left == []


def test_auto_mode_needs_no_markers(project: Project, kube: Kube) -> None:
    project.tests(
        "@pytest.fixture\nasync def mine(kind_namespace): return kind_namespace\nasync def test_a(mine): assert mine.startswith('test-a-')\n"
    )
    project.run("--asyncio-mode=auto").assert_outcomes(passed=1)
    assert project.left == []


def test_anyio(project: Project, kube: Kube) -> None:
    project.tests(ANYIO)
    project.run("-p", "no:randomly").assert_outcomes(passed=2)
    assert len(project.engine.made("create")) == 1
    assert project.left == []

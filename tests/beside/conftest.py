"""What every test of this folder has. The plugins beside which ours is run are all loaded in every run, as in a user's environment."""

from __future__ import annotations

import pytest

from support.api_server import ApiServer
from support.hermetic import hermetic, project
from support.kube import Kube, handed_over
from support.project import Project

__all__ = ["hermetic", "project"]


@pytest.fixture
def kube(project: Project, api_server: ApiServer) -> Kube:
    """A cluster's API: each namespace gets its default ServiceAccount."""
    made = handed_over()
    made.objects = {key: one for key, one in made.objects.items() if key.resource not in {"pods", "nodes"}}

    def fill(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/namespaces"):
            for name in made.names("namespaces"):
                if not any(key.resource == "serviceaccounts" and key.namespace == name for key in made.objects):
                    made.add("serviceaccounts", {"metadata": {"name": "default"}}, name)

    made.after = fill
    api_server.behind = made.take
    project.engine.publish("127.0.0.1", api_server.port)
    return made


@pytest.fixture(autouse=True)
def _configured(project: Project) -> None:
    """As a project's own file says it, else pytest-asyncio warns."""
    project.pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")

"""``-p support.plugin``: puts a fake engine and a boot without Kubernetes under the real plugin, in any process.

The engine is the folder that the variable ``FAKE_ENGINE`` names; none there means that no engine answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import pytest

from pytest_kind import attempt
from pytest_kind.api import kubeconfig
from pytest_kind.boot.context import BootContext
from pytest_kind.boot.files import CONFIG_FILE
from pytest_kind.errors import EngineUnavailable
from pytest_kind.image import assemble
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.source import Source
from pytest_kind.image.workshop import Workshop
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import Image
from support.credentials import admin_conf
from support.engine import FakeEngine
from support.images import tar_of


class Boot:
    """Starts the machines and takes them for a cluster. ``fake-boot`` is the command that tests let fail."""

    name = "fake"

    def __call__(self, context: BootContext) -> None:
        context.make_rest()
        for one in context.fresh:
            context.provider.start(one.container)
        context.exec(["fake-boot"])
        assert isinstance(context.provider, FakeEngine)
        files = {CONFIG_FILE: json.dumps(asdict(context.config)), "etc/kubernetes/admin.conf": admin_conf()}
        for path, text in files.items():
            context.provider.offer(path, tar_of({path.rpartition("/")[2]: text.encode()}), context.container)
        address, port = context.provider.published_port(context.published.container, 6443)
        context.admin = kubeconfig.outside(admin_conf(), context.facts.cluster, kubeconfig.url(address, port))


def connect(seconds: float = 60.0) -> FakeEngine:
    """What stands in for ``docker_engine.connect``."""
    del seconds
    folder = Path(os.environ["FAKE_ENGINE"])
    if not folder.exists():
        raise EngineUnavailable(f"no container engine answers at unix:///fake: no such file; {docker_engine.HELP}")
    engine = FakeEngine(folder)
    engine.log("connect")
    return engine


def compile_nothing(workshop: Workshop, wanted: Inputs, source: Source) -> Image:
    """What stands in for ``assemble.assemble``, which takes a network and a quarter of an hour."""
    assert isinstance(workshop.provider, FakeEngine)
    assert source.kubernetes == wanted.kubernetes
    return workshop.provider.add_node_image(wanted.kubernetes, wanted.source)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main() -> Generator[None, object, object]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docker_engine, "connect", connect)
        patch.setattr(attempt, "default_actions", lambda *_, **__: [Boot()])
        patch.setattr(assemble, "assemble", compile_nothing)
        return (yield)

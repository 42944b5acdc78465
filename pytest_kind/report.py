"""What the run says beside its tests: the header line, and the sweep after workers that died."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import KindError
from pytest_kind.lease.session import Life, lock_life

if TYPE_CHECKING:
    from pytest_kind.config.settings import Settings


def header(settings: Settings) -> str:
    """Engine, image and cluster, as far as they are known before the first test. Asks the engine, never fails."""
    from pytest_kind.image import inputs, store  # noqa: PLC0415
    from pytest_kind.provision import docker_engine  # noqa: PLC0415

    try:
        provider = docker_engine.connect(seconds=5)
        try:
            info = provider.info()
            image = settings.image if settings.source is None else f"made from {settings.source}"
            if image is None:
                wanted = inputs.read_inputs(info.architecture, settings.version)
                there = provider.images(store.cached_labels(wanted))
                image = f"{wanted.tag} ({'cached' if there else 'to be made'})"
        finally:
            provider.close()
    except KindError as error:
        return f"kind: {str(error).splitlines()[0]}"
    cluster = settings.name or ("kept, named after its configuration" if settings.keep else "new, with a random name")
    return f"kind: {info.name}, image {image}, cluster {cluster}"


def sweep_after_workers(cache: Path) -> None:
    """A worker that died leaves its cluster; the controller, which has none itself, removes it at the end of the run."""
    if not any(lock_life(folder / "lock") is Life.DEAD for folder in cache.glob("sessions/*")):
        return
    from pytest_kind.lease.sweep import sweep  # noqa: PLC0415
    from pytest_kind.provision import docker_engine  # noqa: PLC0415

    with contextlib.suppress(KindError):  # the next run that uses clusters sweeps again, and says what is wrong
        provider = docker_engine.connect(seconds=5)
        try:
            sweep(provider, cache)
        finally:
            provider.close()

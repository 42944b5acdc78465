"""The facts, thoroughly for the doctor and quickly for the preflight."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.diagnose.doctor.collect.cache import see_cache
from pytest_kind.diagnose.doctor.collect.here import context_address, see_here
from pytest_kind.diagnose.doctor.collect.holdings import node_image, see_clusters, see_holdings
from pytest_kind.diagnose.doctor.collect.machine import FILES, machine_of, see_from_here
from pytest_kind.diagnose.doctor.collect.trial import look_around
from pytest_kind.diagnose.doctor.collect.unreachable import why_unreachable
from pytest_kind.diagnose.doctor.facts import Facts, Wanted
from pytest_kind.errors import EngineUnavailable, UsageError
from pytest_kind.lease.session import Session

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider

_TRIED = "privileged containers, kernel features, the node image's systemd, open files and all routes"
_NO_IMAGE = "there is no node image in the engine yet"


def examine(connect: Callable[[], Provider], cache: Path, wanted: Wanted) -> Facts:
    """Everything, with a container that looks around on the engine's machine: a second or so.

    Raises:
        EngineError: the engine goes away meanwhile.
    """
    try:
        provider = connect()
    except EngineUnavailable as error:
        here = see_here(os.environ, wanted, None)
        unreachable = why_unreachable(os.environ, context_address(os.environ), str(error))
        nothing = ("the engine and its machine: no engine answers",)
        return Facts(wanted=wanted, here=here, cache=see_cache(cache, thorough=True), unreachable=unreachable, unseen=nothing)
    with contextlib.closing(provider), _session(cache) as (session, why):
        engine = provider.survey()
        here = see_here(os.environ, wanted, engine)
        holdings = see_holdings(provider, cache, wanted, None if session is None else session.id)
        image = node_image(provider, wanted)
        said = see_from_here(engine, here)
        unseen = [f"{_TRIED}: {why or _NO_IMAGE}"] if session is None or image is None else []
        if session is not None and image is not None:
            modules = provider.info().kernel_modules
            there = look_around(provider, image.id, session.labels(lease=60), modules=modules)
            if not holdings.image:
                there.pop("systemd", None)  # another image's
            # Of what both have read this machine's own word counts: a container is not always told what holds for the whole machine.
            said = {**said, **there, **{name: text for name, text in said.items() if name in FILES}}
        if "disk" not in said:
            unseen.append(f"room in {engine.root}: it is not on this machine, or not to be seen")
        return Facts(
            wanted=wanted,
            here=here,
            cache=see_cache(cache, thorough=True, own=None if session is None else session.id),
            engine=engine,
            machine=machine_of(said),
            holdings=holdings,
            unseen=tuple(unseen),
        )


def glance(provider: Provider, cache: Path, wanted: Wanted) -> Facts:
    """What can be seen in a few hundredths of a second.

    Raises:
        EngineError: the engine goes away meanwhile.
    """
    engine = provider.survey()
    here = see_here(os.environ, wanted, engine)
    return Facts(
        wanted=wanted,
        here=here,
        cache=see_cache(cache, thorough=False),
        engine=engine,
        machine=machine_of(see_from_here(engine, here)),
        holdings=see_clusters(provider),
    )


@contextlib.contextmanager
def _session(cache: Path) -> Iterator[tuple[Session | None, str]]:
    """A session whose the container is, so that it is swept whatever happens; or why there is none."""
    try:
        session = Session.open(cache)
    except UsageError as error:
        yield None, str(error)
        return
    try:
        yield session, ""
    finally:
        session.close()

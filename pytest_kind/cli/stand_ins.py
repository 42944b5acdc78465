"""``build stand-ins``: images for the upstream specs, where no registry is."""

from __future__ import annotations

import argparse

from pytest_kind.cli.work import done, show_json
from pytest_kind.errors import UsageError
from pytest_kind.image import inputs
from pytest_kind.image.suite import suite_for
from pytest_kind.image.workshop import Workshop

_MIB = 1 << 20


def build_stand_ins(arguments: argparse.Namespace, workshop: Workshop) -> None:
    """Builds what stands in for the images of a suite, and lists it, with a reason for each image that has none."""
    from pytest_kind.e2e.images.build import build  # noqa: PLC0415 - only this command needs them
    from pytest_kind.e2e.suite import Suite  # noqa: PLC0415

    if arguments.source or arguments.suite:
        raise UsageError("build stand-ins: takes --version alone; the suite of that version names the images")
    wanted = inputs.read_inputs(workshop.provider.info().architecture, arguments.version)
    suite = Suite(suite_for(workshop, kubernetes=wanted.kubernetes).binary)
    built = build(workshop, wanted, suite.images)
    if arguments.output == "json":
        facts = {"kubernetes": wanted.kubernetes, "stand-ins": str(built.folder), "bytes": built.size}
        show_json({**facts, "images": dict(built.images), "left-out": dict(built.left_out)})
        return
    for image, made_of in built.images.items():
        done(arguments, f"{image}: {made_of}")
    for image, why in built.left_out.items():
        done(arguments, f"{image}: none; {why}")
    print(f"kind: {len(built.images)} stand-ins in {built.folder}, {built.size / _MIB:.0f} MiB; {len(built.left_out)} images without one")

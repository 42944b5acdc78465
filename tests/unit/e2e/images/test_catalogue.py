"""What stands in for what."""

from __future__ import annotations

from pytest_kind.e2e.images.catalogue import STAND_INS, choose
from pytest_kind.e2e.images.programs import MODULES

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox"


def test_every_tag_of_the_list_gets_the_same() -> None:
    chosen = choose([f"{BUSYBOX}:1", f"{BUSYBOX}:2", "registry.k8s.io/pause:3", "quay.io/some/thing:1", "invalid.registry.k8s.io/invalid/alpine:3.1"])
    assert {image: one.repository for image, one in chosen.made.items()} == {f"{BUSYBOX}:1": BUSYBOX, f"{BUSYBOX}:2": BUSYBOX}
    assert chosen.left_out == {
        "quay.io/some/thing:1": "no stand-in is known",
        "registry.k8s.io/pause:3": "every node has it: its containerd runs pods on it",
    }


def test_every_program_has_a_module_that_makes_it() -> None:
    made = {f"{name}/{program.name}" for name, module in MODULES.items() for program in module.programs}
    assert {put.value for one in STAND_INS for files in one.layers for put in files.values() if put.kind in {"program", "registry"}} == made


def test_no_path_has_a_leading_slash_and_no_repository_a_tag() -> None:
    assert not [path for one in STAND_INS for files in one.layers for path in files if path.startswith("/")]
    assert not [one.repository for one in STAND_INS if ":" in one.repository]
    assert len({one.repository for one in STAND_INS}) == len(STAND_INS)


def test_no_part_of_the_cache_begins_with_the_name_of_another() -> None:
    # What is older than a new part of the same name is removed from the cache: `<name>-*`.
    names = {"stand-ins-layout", "stand-ins-debian", *(f"stand-ins-{name}" for name in MODULES if name != "coredns")}
    assert [(one, other) for one in names for other in names if one.startswith(f"{other}-")] == []

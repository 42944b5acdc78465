"""Long words are said once."""

from __future__ import annotations

from pytest_kind.diagnose.once import messages, once
from pytest_kind.diagnose.sections import sections
from support.scenes import recorded

LONG = 'failed to pull and unpack image "registry.invalid/a:1": failed to resolve reference: no such host'


def test_a_bad_image_is_told_once_in_a_report() -> None:
    scene = recorded("bad_image")
    apart, together = ("\n".join(part.text for part in sections(scene, 60, apart=apart)) for apart in (True, False))
    assert apart.count("failed to resolve reference") > 5
    assert together.count("failed to resolve reference") == 1
    assert together.index("no such host") < together.index("remedy: ")  # where it comes first
    assert "ErrImagePull: (as above)" in together


def test_only_what_is_long_and_again() -> None:
    escaped = LONG.replace('"', '\\\\\\"')
    assert once(["a", LONG, f"x {LONG} y", f"err={escaped}"], [LONG]) == ["a", LONG, "x (as above) y", "err=(as above)"]
    assert once([f"{LONG} and {LONG}", "b"], [LONG]) == [f"{LONG} and (as above)", "b"]
    assert once(["a", LONG], []) == ["a", LONG]


def test_what_pods_wait_for() -> None:
    waits = [{"state": {"waiting": {"message": text}}} for text in (f'Back-off pulling image "a": ErrImagePull: {LONG}', LONG, "short", None)]
    pod = {
        "status": {
            "containerStatuses": [*waits, {"state": {"running": {}}}],
            "initContainerStatuses": [{"state": {"waiting": {"message": f"{LONG}!"}}}],
        }
    }
    assert messages([pod, {}]) == [f"{LONG}!", LONG]

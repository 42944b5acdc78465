"""Image references in full, as containerd on a node knows them."""

from __future__ import annotations

_HUB, _OFFICIAL = "docker.io", "library"


def full_name(reference: str) -> str:
    """The reference with everything that may be left out: ``busybox`` is ``docker.io/library/busybox:latest``.

    A pod's ``image:`` goes through the same rules (``ParseNormalizedNamed`` of github.com/distribution/reference), so what
    is loaded under the full name is found by the short one.
    """
    first, slash, rest = reference.partition("/")
    if not slash or not (set(".:") & set(first) or first == "localhost" or first != first.lower()):
        domain, path = _HUB, reference
    else:
        domain, path = first, rest
    if domain == f"index.{_HUB}":
        domain = _HUB
    if domain == _HUB and "/" not in path:
        path = f"{_OFFICIAL}/{path}"
    tagged = "@" in path or ":" in path.rpartition("/")[2]
    return f"{domain}/{path}" if tagged else f"{domain}/{path}:latest"

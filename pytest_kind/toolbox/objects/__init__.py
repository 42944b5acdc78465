"""Objects of a cluster: applied, waited for, looked into; and who acts on them."""

from __future__ import annotations

from pytest_kind.toolbox.objects.handle import Objects
from pytest_kind.toolbox.objects.model import Fields, KindObject
from pytest_kind.toolbox.objects.scope import Scope

__all__ = ["Fields", "KindObject", "Objects", "Scope"]

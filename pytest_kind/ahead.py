"""``--kind-ahead``: the cluster of tests without a marker is begun with the session, beside the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kind.errors import KindError
from pytest_kind.parameter import settings_of
from pytest_kind.run import opened
from pytest_kind.wishes import request_of

if TYPE_CHECKING:
    import pytest


def begin(config: pytest.Config) -> None:
    """Begins it, if an engine answers: if none does, whoever asks for a cluster is told.

    Raises:
        pytest.UsageError: the options say what cannot be.
    """
    settings = settings_of(config)
    try:
        run = opened(config, settings.cache_dir)
    except KindError:
        return
    run.begin(request_of(settings, config))

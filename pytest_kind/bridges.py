"""``-p pytest_kind.bridges``: lets kubetest 0.9.5, of 2021, run beside a current pytest and ``kubernetes`` package.

kubetest is a plugin that pytest imports before any conftest, hence this form; nothing else here needs it
(docs/migrating.md).
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.api.renamed import restore

restore()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Takes the call of pytest 7's fixture manager that kubetest makes after each test, beside pytest's own."""
    manager: Any = session._fixturemanager  # noqa: SLF001 - as kubetest does
    present = manager.getfixtureclosure

    def getfixtureclosure(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever pytest's own takes
        if not args or not isinstance(args[0], list):
            return present(*args, **kwargs)
        names, node = args
        return names, *present(parentnode=node, initialnames=tuple(names), ignore_args=())

    manager.getfixtureclosure = getfixtureclosure

"""Hooks of a project are called here: an error of one says which hook it was, and where.

Between the test and its ``conftest.py`` lie pytest, this plugin and the container engine; a message such as ``kubectl … ended
with 1`` alone would be looked for in the test.
"""

from __future__ import annotations

import contextlib
import inspect
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

    from pluggy import HookCaller


@contextlib.contextmanager
def named(hook: HookCaller) -> Iterator[None]:
    """Whatever an implementation raises in the block has a note with the hook's name and the line, as ``/project/conftest.py:12``."""
    try:
        yield
    except BaseException as error:
        codes = {code for code, _, _ in _implementations(hook)}
        lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code in codes]
        for file, line in lines[:1]:
            error.add_note(f"raised in the hook {hook.name}, {file}:{line}")
        raise


def call(hook: HookCaller, **arguments: Any) -> Any:  # noqa: ANN401 - as the hook
    """Calls a hook, and returns what it returns; see :func:`named`."""
    with named(hook):
        return hook(**arguments)


def source(hook: HookCaller) -> str:
    """A hook and where it is implemented, for messages about what it returned."""
    places = [f"{file}:{line}" for _, file, line in _implementations(hook)]
    return f"{hook.name} ({', '.join(places)})" if places else hook.name


def _implementations(hook: HookCaller) -> list[tuple[CodeType, str, int]]:
    found = [inspect.unwrap(getattr(one.function, "__func__", one.function)) for one in hook.get_hookimpls()]
    codes = [code for one in found if isinstance(code := getattr(one, "__code__", None), type(call.__code__))]
    return [(code, code.co_filename, code.co_firstlineno) for code in codes]

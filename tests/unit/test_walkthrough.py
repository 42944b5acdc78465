"""How the pages that are run are read, and that those which ought to be run have something to run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from real.test_tutorials import DOCS, PAGES, PASSED
from support.walkthrough import Command, File, steps

PAGE = """
```console
$ pip install pytest-kind-native
$ pytest -k 'a b'   # one
1 passed
$ pytest-kind delete cluster dev
```

```python
# folder/test_it.py
def test_it(): ...
```

```python
of_no_file()
```
"""


def test_files_and_commands_in_the_pages_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    assert steps(page) == [
        Command(("pytest", "-k", "a b"), ("1 passed",)),
        Command(("pytest-kind", "delete", "cluster", "dev"), ()),
        File("folder/test_it.py", "def test_it(): ...\n"),
    ]


@pytest.mark.parametrize("page", PAGES)
def test_each_page_that_is_run_writes_tests_runs_them_and_says_how_many_pass(page: str) -> None:
    found = steps(DOCS / f"{page}.md")
    files = [step for step in found if isinstance(step, File)]
    assert any(file.name.split("/")[-1].startswith("test_") for file in files)
    assert any(PASSED.fullmatch(line) for step in found if isinstance(step, Command) for line in step.prints)
    for file in files:
        if file.name.endswith(".py"):
            ast.parse(file.text, file.name)
        if file.name.endswith(".yaml"):
            assert list(yaml.safe_load_all(file.text))

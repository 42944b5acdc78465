"""``python -m pytest_kind.cli``."""

from __future__ import annotations

import sys

from pytest_kind.cli import main

if __name__ == "__main__":
    sys.exit(main())

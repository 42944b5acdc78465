"""Where there is no helm, there is nothing to test here: see README.md."""

from __future__ import annotations

import shutil

if shutil.which("helm") is None:
    collect_ignore = ["test_chart.py"]

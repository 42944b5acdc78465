"""The ready-made jobs of examples/ci: one command in all of them."""

from __future__ import annotations

import re

import pytest
import yaml

from drills.ci_jobs import JOBS, steps

FLAGS = {"--kind-build", "--kind-focus", "--kind-artifacts"}


@pytest.mark.parametrize("script", steps().values(), ids=steps())
def test_each_runs_the_specs_of_what_it_builds_and_leaves_artifacts(script: str) -> None:
    (command,) = [line for line in script.splitlines() if re.search(r"(^|/|\s)pytest ", line)]
    assert set(re.findall(r"--kind-[a-z-]+", command)) == FLAGS


def test_artifacts_are_collected_whatever_the_tests_said() -> None:
    upload = yaml.safe_load((JOBS / "github-actions.yaml").read_text(encoding="utf-8"))["jobs"]["storage"]["steps"][-1]
    assert (upload["if"], upload["with"]["path"]) == ("always()", "artifacts")
    collected = yaml.safe_load((JOBS / "gitlab-ci.yml").read_text(encoding="utf-8"))["storage"]["artifacts"]
    assert (collected["when"], collected["paths"][0], collected["reports"]["junit"]) == ("always", "artifacts/", "artifacts/junit.xml")

"""The errors: their family and their messages."""

from __future__ import annotations

import inspect

import pytest

from pytest_kind import errors


def test_all_of_them_are_kind_errors() -> None:
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__]
    assert len(found) == 15
    assert all(issubclass(one, errors.KindError) for one in found)


@pytest.mark.parametrize("error", [errors.ConfigError, errors.EngineUnavailable, errors.SourceError, errors.UnknownImage])
def test_what_the_user_can_mend_is_a_usage_error(error: type[errors.KindError]) -> None:
    assert issubclass(error, errors.UsageError)


@pytest.mark.parametrize("error", [errors.NotFound, errors.Conflict, errors.EngineUnavailable])
def test_what_the_engine_says_is_an_engine_error(error: type[errors.KindError]) -> None:
    assert issubclass(error, errors.EngineError)


def test_one_problem_of_a_configuration() -> None:
    error = errors.ConfigError("kind.yaml", ["name: is required"])
    assert str(error) == "kind.yaml: 1 problem\n  - name: is required"
    assert (error.source, error.problems) == ("kind.yaml", ("name: is required",))


def test_several_problems_are_one_list() -> None:
    assert str(errors.ConfigError("kind.yaml", ["a: b", "c: d"])) == "kind.yaml: 2 problems\n  - a: b\n  - c: d"


def test_a_command_that_failed_shows_its_last_thirty_lines() -> None:
    output = "".join(f"line {number}\n" for number in range(40))
    error = errors.CommandError("node", ["kubeadm", "init"], 3, output)
    assert str(error) == "node: `kubeadm init` ended with 3:\n" + "\n".join(f"line {number}" for number in range(10, 40))
    assert (error.where, error.argv, error.code, error.output) == ("node", ("kubeadm", "init"), 3, output)


def test_a_command_that_failed_silently() -> None:
    assert str(errors.CommandError("this machine", ["true"], 1, " \n")) == "this machine: `true` ended with 1"


def test_a_boot_error_has_phase_cause_and_evidence() -> None:
    error = errors.BootError("c", "API", errors.KindError("refused"), "--- journal\noom")
    assert str(error) == "cluster 'c' did not boot, phase 'API': refused\n--- journal\noom"
    assert (error.cluster, error.phase, error.evidence) == ("c", "API", "--- journal\noom")


def test_a_boot_error_without_evidence_is_one_line() -> None:
    assert str(errors.BootError("c", "create", errors.KindError("no disk"), "")) == "cluster 'c' did not boot, phase 'create': no disk"

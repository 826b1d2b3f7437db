"""Every error leaves as one message or one JSON document, with the exit code of its family."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from data_contracts import errors
from data_contracts.errors import DeclarationError, IsthmusError, Problem
from flows.cli.report import emit_json, on_interrupt, run_reporting

FAMILIES = {
    errors.DataBreaksContractError: 1,
    errors.UsageError: 2,
    errors.DeniedError: 3,
    errors.NotVerifiableError: 4,
    errors.UnreachableError: 5,
    errors.StepFailedError: 6,
    errors.ConflictError: 7,
    errors.DefectError: 70,
}
SECRET = "Jane Doe"


def command(act: Callable[[], object]) -> click.Command:
    return click.Command(
        "c", callback=lambda **_: act(), params=[click.Option(["--json", "as_json"], is_flag=True)]
    )


def raising(error: BaseException) -> click.Command:
    def act() -> None:
        raise error

    return command(act)


def test_each_family_has_the_exit_code_of_the_design() -> None:
    public = {getattr(errors, name) for name in errors.__all__} - {IsthmusError, Problem, DeclarationError}
    assert {family: family.exit_code for family in public} == FAMILIES
    assert DeclarationError.exit_code == 2


@pytest.mark.parametrize(("family", "code"), FAMILIES.items())
def test_an_error_is_one_message_on_stderr(
    family: type[IsthmusError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_reporting(raising(family("what, where", remedy="do this")), []) == code
    assert capsys.readouterr() == ("", "isthmus: what, where\n  what to do: do this\n")


@pytest.mark.parametrize(("family", "code"), FAMILIES.items())
def test_with_json_it_is_one_document_on_stdout(
    family: type[IsthmusError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_reporting(raising(family("what, where", remedy="do this")), ["--json"]) == code
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "error": "what, where",
        "remedy": "do this",
        "exit_code": code,
        "kind": family.__name__,
    }


def test_a_declaration_carries_all_its_problems(capsys: pytest.CaptureFixture[str]) -> None:
    later, sooner = Problem("f", 9, 1, "b", "wrong"), Problem("f", 2, 3, "a", "wrong", "right")
    assert run_reporting(raising(DeclarationError([later, sooner])), ["--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(problem["line"], problem["expected"]) for problem in problems] == [(2, "right"), (9, "")]
    assert run_reporting(raising(DeclarationError([later, sooner])), []) == 2
    assert capsys.readouterr().err == "isthmus: f:2:3: a: wrong; expected right\nf:9:1: b: wrong\n"


def test_a_defect_is_named_by_type_and_never_by_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ISTHMUS_TRACEBACK", raising=False)
    assert run_reporting(raising(ValueError(f"cannot read {SECRET}")), []) == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert "ValueError" in err
    assert SECRET not in err
    assert "Traceback" not in err


def test_a_traceback_is_there_for_who_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_TRACEBACK", "1")
    assert run_reporting(raising(ValueError("why")), ["--json"]) == 70
    out, err = capsys.readouterr()
    assert json.loads(out)["exit_code"] == 70
    assert "Traceback" in err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EMFILE])
def test_what_the_machine_refuses_is_the_operators(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(raising(OSError(number, os.strerror(number), "/data/store")), []) == 5
    err = capsys.readouterr().err
    assert f"/data/store: {os.strerror(number)}" in err
    assert "isthmus doctor" in err


def test_any_other_error_of_the_machine_is_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(raising(FileNotFoundError(errno.ENOENT, "no such file", SECRET)), []) == 70
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(raising(error), []) == 130
    out, err = capsys.readouterr()
    assert (out, err.strip()) == ("", "isthmus: interrupted")
    assert run_reporting(raising(error), ["--json"]) == 130
    assert json.loads(capsys.readouterr().out)["exit_code"] == 130


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(command(lambda: None), ["--nothing"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--nothing" in err
    assert run_reporting(command(lambda: None), ["--nothing", "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["kind"] == "UsageError"


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_command_chooses_its_own_status(code: int) -> None:
    assert run_reporting(raising(click.exceptions.Exit(code)), []) == code


def test_success_is_what_the_command_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(command(lambda: emit_json({"rows": 3, "name": "ä"})), ["--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == ({"rows": 3, "name": "ä"}, "")


def test_what_is_no_json_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_reporting(command(lambda: emit_json({"auc": float("nan")})), []) == 70
    assert "NaN" not in capsys.readouterr().out


def test_a_reader_that_went_away_gets_no_message_and_no_verdict() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", "from flows.cli.main import main; main()", "--help"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupt_may_say_what_goes_on_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    def act() -> None:
        with on_interrupt("it goes on", remedy="stop it so"):
            raise KeyboardInterrupt

    assert run_reporting(command(act), []) == 130
    assert capsys.readouterr() == ("", "isthmus: it goes on\n  what to do: stop it so\n")
    assert run_reporting(command(act), ["--json"]) == 130
    told = {"error": "it goes on", "remedy": "stop it so", "exit_code": 130, "kind": "Interrupted"}
    assert json.loads(capsys.readouterr().out) == told

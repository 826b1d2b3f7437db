"""Ctrl-C in what needs no running system: one line, status 130, and the disk as it was before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from environments.home import Home
from environments.site import Site
from environments.stores import open_store
from flows.cli.group import ROOT
from flows.cli.report import run_reporting
from flows.hospital import pipeline as hospital

DATA = Path(hospital.__file__).parent / "data" / "onprem_tests.csv"
ISTHMUS = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
TOLD = "\nisthmus: interrupted\n"


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that takes seconds to read."""
    header, _, rows = DATA.read_text().partition("\n")
    path = tmp_path_factory.mktemp("big") / "big.csv"
    path.write_text(header + "\n" + rows * 20)
    return path


def interrupt(home: Path, arguments: list[str], when: Callable[[int], bool]) -> tuple[int, str, str]:
    """Start a command in a foreground group of its own, and press Ctrl-C once `when` says so of its pid."""
    command = subprocess.Popen(
        [*ISTHMUS, *arguments, "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not when(command.pid) and time.monotonic() < deadline:
        assert command.poll() is None, command.communicate()
        time.sleep(0.005)
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=60)
    return command.returncode, out, err


def opened(file: Path) -> Callable[[int], bool]:
    """Say whether a process has a file open."""

    def look(pid: int) -> bool:
        try:
            return any(link.samefile(file) for link in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:  # a descriptor was closed in between
            return False

    return look


def test_while_a_file_is_added(tmp_path: Path, big: Path) -> None:
    home = Home(tmp_path / "home").create()
    store = home.environment("onprem").create().store

    def writing(_pid: int) -> bool:
        return any(path.stat().st_size for path in store.glob("staging/*/data/*.parquet"))

    names = ["--env", "onprem", "--name", "big", "--contract", "hospital.covid-tests"]
    code, out, err = interrupt(home.root, ["asset", "add", str(big), *names], writing)
    assert (code, out, err) == (130, "", TOLD)
    assert list((store / "staging").iterdir()) == []
    assert list(store.rglob("*.parquet")) == []
    assert open_store(home.environment("onprem"), Site.load().profile("onprem")).names() == ()


@pytest.mark.parametrize("as_json", [False, True])
def test_while_a_file_is_checked(tmp_path: Path, big: Path, as_json: bool) -> None:
    more = ["--json"] if as_json else []
    code, out, err = interrupt(
        tmp_path, ["check", str(big), "--contract", "hospital.covid-tests", *more], opened(big)
    )
    assert code == 130
    assert (json.loads(out)["kind"], err) == ("Interrupted", "\n") if as_json else (out, err) == ("", TOLD)


@pytest.mark.parametrize("moment", ["fsync", "link"])
def test_while_an_asset_is_written_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    home = ["--home", str(tmp_path / "home")]
    names = ["--env", "onprem", "--name", "tests", "--contract", "hospital.covid-tests", "--no-check"]
    assert run_reporting(ROOT, ["asset", "add", str(DATA), *names, *home]) == 0
    capsys.readouterr()
    (tmp_path / "out").mkdir()

    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, moment, pressed)
    target = str(tmp_path / "out" / "tests.parquet")
    assert run_reporting(ROOT, ["asset", "get", "tests", "--env", "onprem", "--out", target, *home]) == 130
    assert capsys.readouterr() == ("", TOLD)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("module", ["click", "flows.cli.group", "flows.cli.report", "flows.cli.check"])
@pytest.mark.parametrize("as_json", [False, True])
def test_while_the_command_line_itself_is_loaded(module: str, as_json: bool) -> None:
    code = f"""
import builtins
real, pressed = builtins.__import__, []

def load(name, *rest):
    if name == {module!r} and not pressed:
        pressed.append(name)
        raise KeyboardInterrupt
    return real(name, *rest)

import importlib
real_module = importlib.import_module

def load_module(name, *rest):
    if name == {module!r} and not pressed:
        pressed.append(name)
        raise KeyboardInterrupt
    return real_module(name, *rest)

builtins.__import__, importlib.import_module = load, load_module
from flows.cli.main import main
main()
"""
    more = ["--json"] if as_json else []
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "check", "--help", *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (130, False)
    assert json.loads(done.stdout)["exit_code"] == 130 if as_json else "isthmus: interrupted" in done.stderr


def test_a_second_one_while_the_first_is_told_is_no_traceback() -> None:
    code = """
import click, flows.cli.report as report
real = report._report
def told(error, **more):
    report._report = real
    raise KeyboardInterrupt
report._report = told
import flows.cli.down as down
@click.command()
def command():
    raise KeyboardInterrupt
down.command = command
from flows.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "down"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (130, "isthmus: interrupted")

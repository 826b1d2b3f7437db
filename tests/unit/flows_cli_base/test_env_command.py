"""`isthmus env` as a user types it: the question on a terminal, files that are new and private."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contract_suites"))
from joining_world import JoiningWorld

from flows.cli.group import ROOT
from flows.cli.report import run_reporting

PROGRAM = "from flows.cli.main import main; main()"
pytestmark = pytest.mark.xdist_group("joining")


def run(home: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *words],
        env=os.environ | {"ISTHMUS_HOME": str(home)},
        cwd=home.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code else "")


def on_terminal(home: Path, answer: str, *words: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, answer its question, and return its status and words."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, *words],
        env=os.environ | {"ISTHMUS_HOME": str(home), "TERM": "dumb"},
        cwd=home.parent,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, deadline, answered = b"", time.monotonic() + 60, False
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            said += piece
            if b"[y/N]" in said and not answered:
                os.write(ours, f"{answer}\n".encode())
                answered = True
        return child.wait(timeout=30), said.decode()
    finally:
        os.close(ours)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    with JoiningWorld(tmp_path) as world:
        world.host("host")
    return tmp_path / "host"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a host and of a member, cloud: for what changes neither."""
    folder = tmp_path_factory.mktemp("both")
    with JoiningWorld(folder) as world:
        world.joined(world.host("host"), "member", "cloud")
    return folder


def test_from_the_invitation_to_a_member(host: Path) -> None:
    """Each file is new and its owner's alone; silence and a no admit nobody; a yes does, on both sides."""
    folder, member = host.parent, host.parent / "member"
    assert "cloud.invitation.json" in run(host, "env", "invite", "cloud", "--expires", "30min")
    assert "fingerprint of cloud" in run(member, "env", "join", "cloud.invitation.json")
    for name in ("cloud.invitation.json", "cloud.answer.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert "stands there already" in run(member, "env", "join", "cloud.invitation.json", code=2)
    # Nobody is there to ask; then somebody who says no, or only presses a key.
    assert "nobody says" in run(host, "env", "admit", "cloud.answer.json", code=2)
    for word in ("n", "", "no"):
        status, said = on_terminal(host, word, "env", "admit", "cloud.answer.json")
        assert (status, "nothing was changed" in said) == (4, True), said
    assert not (folder / "cloud.admission.json").exists()
    status, said = on_terminal(host, "y", "env", "admit", "cloud.answer.json")
    assert status == 0, said
    shown = json.loads(run(member, "env", "join", "cloud.invitation.json", "--out", "again", "--json"))
    for group in shown["fingerprint"].split():
        assert group in said
    status, said = on_terminal(member, "n", "env", "complete", "cloud.admission.json")
    assert (status, "nothing was changed" in said) == (4, True), said
    status, said = on_terminal(member, "y", "env", "complete", "cloud.admission.json")
    assert (status, "a member" in said) == (0, True), said
    listed = json.loads(run(host, "env", "list", "--json"))["environments"]
    assert {one["name"]: one["state"] for one in listed} == {
        "cloud": "joined",
        "edge": "unknown",
        "onprem": "here",
    }
    assert "has joined" in run(host, "env", "withdraw", "cloud", code=2)


def test_an_invitation_that_cannot_be_written_is_taken_back(host: Path) -> None:
    (host.parent / "standing").write_text("mine")
    assert "stands there" in run(host, "env", "invite", "edge", "--out", "standing", code=2)
    assert (host.parent / "standing").read_text() == "mine"
    listed = json.loads(run(host, "env", "list", "--json"))["environments"]
    assert next(one["state"] for one in listed if one["name"] == "edge") == "unknown"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("invite", "cloud", "--expires", "soon"), "no length of time"),
        (("invite", "edge", "--expires", "40d"), "at most 31 days"),
        (("invite", "cloud"), "has joined already"),
        (("invite", "moon"), "no environment is named"),
        (("invite", "Cloud"), "not a name"),
        (("invite", "edge", "--api", "https://x/api", "--no-api"), "exclude each other"),
        (("withdraw", "moon"), "no invitation"),
        (("join", "nothing.json"), "no such file"),
        (("admit", "nothing.json"), "no such file"),
        (("complete", "nothing.json"), "no such file"),
    ],
)
def test_a_wrong_word_is_exit_2_and_one_message(
    both: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str
) -> None:
    told = refused(both / "host", capsys, "env", *words)
    assert text in told
    assert told.startswith("isthmus: ")
    assert len(told.splitlines()) <= 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("up", "--port", "4300"), "no API of its own"),
        (("up", "--only", "edge"), "another machine"),
        (
            ("asset", "add", __file__, "--env", "edge", "--name", "x", "--contract", "hospital.covid-tests"),
            "lives on another machine",
        ),
        (("keys", "rotate", "--env", "edge"), "did not join as it"),
        (("keys", "revoke", "--env", "cloud", "1a2b"), "issued there"),
        (("env", "renew", __file__), "issued there"),
        (("env", "invite", "edge", "--no-api"), "issued there"),
        (("env", "admit", __file__), "joined another machine's"),
    ],
)
def test_a_home_that_joined_refuses_what_is_another_machines(
    both: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str
) -> None:
    assert text in refused(both / "member", capsys, *words)


def refused(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that gets no further than its first look, in this process; return what it said."""
    assert run_reporting(ROOT, [*words, "--home", str(home)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from environments.embedded.logs import RunLogs, Tail, system_logs
from environments.embedded.upkeep import last_words
from environments.home import Home
from environments.logkeeping import rotate


def test_a_tail_shows_the_last_lines_then_what_is_added(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("one\ntwo\nthree\n")
    tail = Tail({"server": log}, lines=2)
    assert list(tail.read()) == [("server", "two"), ("server", "three")]
    assert list(tail.read()) == []
    with log.open("a") as stream:
        stream.write("four\nhal")
    assert list(tail.read()) == [("server", "four")]
    with log.open("a") as stream:
        stream.write("f\n")
    assert list(tail.read()) == [("server", "half")]


def test_a_tail_survives_rotation_and_a_log_that_is_not_there(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("old\n" * 10)
    tail = Tail({"server": log, "none": tmp_path / "none.log"}, lines=0)
    assert list(tail.read()) == []
    assert rotate(log, limit=10)
    log.write_text("new\n")
    assert list(tail.read()) == [("server", "new")]


def test_only_our_own_message_is_taken_from_a_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("isthmus: no disk\n  what to do: free some\nsqlalchemy: INSERT 'Jane Doe'\n")
    assert last_words(log) == "no disk"
    assert last_words(tmp_path / "none.log") == ""


def test_the_systems_logs_are_listed_by_source(home: Home) -> None:
    logs = home.system / "logs"
    logs.mkdir()
    (logs / "server.log").touch()
    (logs / "server.log.1").touch()
    assert list(system_logs(home)) == ["server"]


def test_attack_a_run_id_cannot_name_another_file(home: Home) -> None:
    for text in ("../keys/identity", "", "x", "00000000-0000-0000-0000-00000000000G"):
        with pytest.raises(UsageError):
            RunLogs(home, ["cloud"], text, None)

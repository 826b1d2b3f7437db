from __future__ import annotations

import os
import stat
import uuid
from pathlib import Path

from environments.workpools.journal import Journal, Owed
from environments.workpools.linux import alive, start_time

RUN = uuid.UUID("00000000-0000-4000-8000-000000000001")


def test_what_was_taken_is_owed_until_it_is_settled(tmp_path: Path) -> None:
    Journal(tmp_path / "taken").take(RUN)
    journal = Journal(tmp_path / "taken")
    assert list(journal.owed()) == [Owed(RUN)]
    journal.given(RUN, os.getpid())
    assert list(journal.owed()) == [Owed(RUN, os.getpid(), start_time(os.getpid()))]
    journal.settle(RUN)
    journal.settle(RUN)
    assert list(journal.owed()) == []


def test_entries_are_private(tmp_path: Path) -> None:
    Journal(tmp_path / "taken").take(RUN)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "taken").iterdir()}
    assert modes == {0o600}


def test_a_damaged_entry_is_still_owed_and_names_no_process(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "taken")
    (tmp_path / "taken" / f"{RUN}.json").write_text('{"pid": ')
    (tmp_path / "taken" / "stranger.json").write_text("{}")
    assert list(journal.owed()) == [Owed(RUN)]


def test_a_process_id_that_was_given_away_again_is_not_ours() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert alive(os.getpid(), started)
    assert not alive(os.getpid(), started - 1)
    assert not alive(os.getpid(), None)

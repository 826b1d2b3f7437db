"""What a killed writer leaves is removed by the next, a living one's is not; names of folders are durable."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts.errors import UnreachableError
from environments import private
from environments.private import make_private, read_private, remove_drafts, write_private

KILLED = (
    "import os, signal, sys; from pathlib import Path; from environments.private import write_private\n"
    "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
    "write_private(Path(sys.argv[1]), b'half')\n"
)
LIVING = (
    "import os, sys; from pathlib import Path; from environments.private import write_private\n"
    "def wait(descriptor):\n    print('writing', flush=True); sys.stdin.read(1)\n"
    "os.fsync = wait\n"
    "write_private(Path(sys.argv[1]), b'whole')\n"
)


def test_the_draft_of_a_killed_writer_goes_with_the_next_write(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "kept")
    write_private(folder / "receipt", b"old")
    subprocess.run([sys.executable, "-c", KILLED, str(folder / "receipt")], check=False)
    assert len(list(folder.iterdir())) == 2
    assert read_private(folder / "receipt") == b"old"
    write_private(folder / "manifest", b"another")
    assert sorted(path.name for path in folder.iterdir()) == ["manifest", "receipt"]


def test_the_draft_of_a_living_writer_stays(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "kept")
    command = [sys.executable, "-c", LIVING, str(folder / "receipt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == "writing\n"
        remove_drafts(folder)
        assert len(list(folder.iterdir())) == 1
        writer.communicate("gg")
    assert read_private(folder / "receipt") == b"whole"
    assert [path.name for path in folder.iterdir()] == ["receipt"]


def test_what_only_looks_like_a_draft_stays(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "kept")
    for name in (".lock", "receipt", ".hidden.json", "a.1.0123abcd"):
        write_private(folder / name, b"x")
    remove_drafts(folder)
    assert len(list(folder.iterdir())) == 4


def test_a_folder_whose_flush_failed_is_flushed_by_who_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the simulation: what was put in it was lost with the power."""
    flushed: list[Path] = []

    def refuse(_path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    above = make_private(tmp_path / "outbox")
    (above / "another").touch()
    monkeypatch.setattr(private, "sync_folder", refuse)
    with pytest.raises(UnreachableError, match="cannot be made"):
        make_private(above / "crossing")
    monkeypatch.setattr(private, "sync_folder", flushed.append)
    make_private(above / "crossing")
    assert flushed == [above]
    (above / "crossing" / "receipt").touch()
    make_private(above / "crossing")
    assert flushed == [above]

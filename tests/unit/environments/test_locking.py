"""A lock is waited for with a bound, the message names its holder, and a killed holder holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from data_contracts.errors import ConflictError
from environments.locking import held

HOLD = "import sys,time; from pathlib import Path; from environments.locking import held\n"
HOLD += "with held(Path(sys.argv[1]), 'it'): print('held', flush=True); time.sleep(60)\n"


def holder(path: Path) -> subprocess.Popen[str]:
    started = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "held\n"
    return started


def test_the_wait_ends_and_says_who_holds_it(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as other:
        try:
            begun = time.monotonic()
            with (
                pytest.raises(ConflictError) as refused,
                held(tmp_path / "lock", "the asset tests", patience=0.2),
            ):
                pytest.fail("two hold it")
            assert time.monotonic() - begun < 5
        finally:
            other.kill()
    assert str(refused.value) == f"another process ({other.pid}) has held the asset tests for 0 s"
    assert "end it" in refused.value.remedy
    assert refused.value.exit_code == 7


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as other:
        other.kill()
    with held(tmp_path / "lock", "it", patience=5):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_ctrl_c_ends_the_wait_at_once(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as other:
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            with pytest.raises(KeyboardInterrupt), held(tmp_path / "lock", "it", patience=30):
                pytest.fail("two hold it")
        finally:
            other.kill()
    with held(tmp_path / "lock", "it", patience=5):
        pass


def test_who_lets_go_in_time_is_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as other:
        threading.Timer(0.3, other.kill).start()
        with held(tmp_path / "lock", "it", patience=30):
            pass

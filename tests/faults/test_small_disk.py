"""A disk without space, and one that may only be read: a clear error, nothing by half, and once more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$1" && exec "$2" "$3" "$1" "$4"'


def on_a_small_disk(place: Path, harm: str) -> list[list[Any]]:
    child = Path(__file__).with_name("small_disk.py")
    command = [
        "unshare",
        "--mount",
        "--map-root-user",
        "sh",
        "-c",
        SCRIPT,
        "sh",
        place,
        sys.executable,
        child,
    ]
    done = subprocess.run([*command, harm], capture_output=True, text=True, check=False, timeout=250)
    if "Operation not permitted" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("mount namespaces are not permitted here")
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return found


def test_a_full_disk(tmp_path: Path) -> None:
    said = on_a_small_disk(tmp_path, "full")
    assert {step for step, *_ in said} == {"egress", "ingress", "settle"}
    assert len(said) > 6
    for step, left, code, message, remedy in said:
        assert code == 5, (step, left, message)
        assert "free space" in remedy, (step, left, message)


def test_a_disk_that_may_only_be_read(tmp_path: Path) -> None:
    said = on_a_small_disk(tmp_path, "read-only")
    assert [step for step, *_ in said] == ["egress", "ingress", "settle"]
    for step, _, code, message, remedy in said:
        assert code == 5, (step, message)
        assert "writable" in remedy or "can be written" in remedy, (step, message)

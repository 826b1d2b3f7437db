"""Credentials of a gate's own, its limits, and where it stands."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.apigate.address import read_gate, write_gate
from environments.apigate.limits import Buckets
from environments.apigate.speaker import (
    Speaker,
    key_in,
    new_key,
    run_credential,
    speaker_of,
    worker_credential,
)
from environments.folder import EnvironmentFolder
from flows.runtime.phases import phases_of
from tasks.training import train

RUN = "0f0e0d0c-0000-4000-8000-000000000000"
URL = "http://127.0.0.1:4290/api"


def test_worker_and_runs_are_who_they_are() -> None:
    key = new_key()
    assert speaker_of(key, worker_credential(key)) == Speaker("worker")
    for kind in ("pipeline", "builtin", "step"):
        speaker = Speaker(kind, RUN, frozenset({"fit"}))
        assert speaker_of(key, run_credential(key, speaker)) == speaker


def test_a_run_can_make_itself_no_other() -> None:
    key = new_key()
    credential = run_credential(key, Speaker("step", RUN))
    body, _, mark = credential.removeprefix("run:").rpartition(".")
    claims = json.loads(base64.urlsafe_b64decode(body))
    for change in ({"kind": "builtin"}, {"run": RUN.replace("0f", "1f")}, {"phases": ["jane"]}):
        forged = base64.urlsafe_b64encode(json.dumps({**claims, **change}).encode()).decode()
        assert speaker_of(key, f"run:{forged}.{mark}") is None
    assert speaker_of(new_key(), credential) is None
    assert speaker_of(key, run_credential(key, Speaker("worker", RUN))) is None


@pytest.mark.parametrize("credential", ["", ":", "run:", "run:.", "worker:", "run:e30.é", "x" * 100_000])
def test_what_has_no_form_is_nobody(credential: str) -> None:
    assert speaker_of("key", credential) is None


def test_the_address_is_private_and_holds_a_new_key_each_time(tmp_path: Path) -> None:
    folder = EnvironmentFolder(tmp_path / "cloud").create()
    first = write_gate(folder, URL)
    assert read_gate(folder) == first
    assert stat.S_IMODE((folder.run / "api.json").stat().st_mode) == 0o600
    assert write_gate(folder, URL).auth_string != first.auth_string
    key = key_in(first.auth_string)
    assert write_gate(folder, URL, key=key).auth_string == first.auth_string


def test_without_a_gate_it_says_how_to_start_one(tmp_path: Path) -> None:
    folder = EnvironmentFolder(tmp_path / "cloud").create()
    with pytest.raises(UnreachableError) as caught:
        read_gate(folder)
    assert "isthmus gate start --env cloud" in caught.value.remedy


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"url": "http://x", "auth_string": "isthmus:real"}'])
def test_an_address_with_the_servers_credential_is_none(tmp_path: Path, text: bytes) -> None:
    folder = EnvironmentFolder(tmp_path / "cloud").create()
    write_gate(folder, URL)
    (folder.run / "api.json").write_bytes(text)
    with pytest.raises(NotVerifiableError):
        read_gate(folder)


def test_a_speaker_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(rate=1.0, burst=2, most=2)
    assert [buckets.take("a", now=0.0) for _ in range(3)] == [True, True, False]
    assert buckets.take("b", now=0.0)
    assert buckets.take("a", now=1.0)
    assert not buckets.take("a", now=1.0)


def test_the_phases_of_a_shipped_step_are_its_codes() -> None:
    phases = phases_of(train.train.fn)
    assert {"fit", "parity", "committed"} <= phases
    assert "Jane" not in phases
    assert len(phases) < 100


def test_a_gate_that_stands_alone_cannot_be_read_by_others_of_its_user() -> None:
    code = """
import ctypes
from environments.apigate import alone
alone._hide_memory()
print(ctypes.CDLL(None).prctl(3))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "0"  # PR_GET_DUMPABLE

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.sandbox import MIB, Child, Limits, SandboxError, run_limited, sandbox_capabilities
from data_contracts.sandbox.seccomp import program

TRY = "data_contracts.sandbox.work.trying:attempt"
ECHO = "data_contracts.sandbox.work.trying:echo"


def attempt(do: str, with_: str = "", *, limits: Limits | None = None, without: str = "") -> str:
    with Child(TRY, limits, without=without) as child:
        return str(child.call({"do": do, "with": with_}))


def code(do: str, with_: str = "", *, limits: Limits) -> str:
    with pytest.raises(SandboxError) as caught:
        attempt(do, with_, limits=limits)
    return caught.value.code


def test_an_answer_comes_back_as_it_was_given() -> None:
    value = {"a": [1, 2.5, None, "ü"], "b": {"c": True}}
    assert run_limited(ECHO, value) == value


def test_one_child_answers_many_requests() -> None:
    with Child(ECHO) as child:
        assert [child.call(number) for number in range(50)] == list(range(50))


def test_rows_that_nobody_reads_do_not_disturb_the_next_request() -> None:
    table = pa.table({"a": list(range(100_000))})
    with Child(ECHO) as child:
        assert child.call(1, iter([table, table])) == 1
        assert child.call(2) == 2


def test_a_bare_child_goes_without_numpy() -> None:
    with Child("importlib.util:find_spec", bare=True) as child:
        assert child.call("numpy") is None
    with pytest.raises(SandboxError), Child("importlib.util:find_spec") as child:
        child.call("numpy")  # it is there, and its spec is no JSON


def test_everything_is_locked_on_this_machine() -> None:
    assert sandbox_capabilities().complete


def test_the_locks_are_what_denies(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"1")
    assert attempt("read", str(secret)) == "denied"
    assert attempt("read", str(secret), without="landlock") == "denied"  # seccomp opens nothing at all then
    assert attempt("read", str(secret), without="landlock seccomp") == "done"


@pytest.mark.parametrize(
    ("do", "with_"),
    [
        ("read", "/etc/passwd"),
        ("read", "/proc/1/environ"),
        ("read", "/proc/self/environ"),
        ("write", "written"),
        ("write", "/dev/shm/isthmus"),  # noqa: S108 - refused
        ("socket", "1"),
        ("socket", "2"),
        ("socket", "10"),
        ("socket", "16"),
        ("run", "/bin/true"),
        ("fork", ""),
        ("unlimit", ""),
        ("environment", "PATH"),
        ("environment", "ISTHMUS_HOME"),
    ],
)
def test_a_child_may_not(do: str, with_: str) -> None:
    assert attempt(do, with_) == "denied"


def test_a_child_changes_no_mode_and_signals_nobody(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o600)
    assert attempt("chmod", str(path)) == "denied"
    assert attempt("signal", str(os.getpid())) == "denied"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_child_reads_what_it_was_given_and_nothing_beside_it(tmp_path: Path) -> None:
    given, other = tmp_path / "given", tmp_path / "other"
    for path in (given, other):
        path.write_bytes(b"1")
    with Child(TRY, read=[given]) as child:
        assert child.call({"do": "read", "with": str(given)}) == "done"
        assert child.call({"do": "read", "with": str(other)}) == "denied"
        assert child.call({"do": "write", "with": str(given)}) == "denied"


def test_a_child_writes_in_its_own_folder_only_and_the_folder_goes(tmp_path: Path) -> None:
    with Child(TRY, Limits(file_bytes=MIB), write=True) as child:
        assert child.call({"do": "write", "with": "own"}) == "done"
        assert child.call({"do": "write", "with": str(tmp_path / "other")}) == "denied"
        folder = Path(child._folder)
        assert (folder / "own").stat().st_size == 4096
    assert not folder.exists()
    assert not (tmp_path / "other").exists()


def test_limits_end_a_child_each_with_its_word() -> None:
    assert code("memory", str(500 * MIB), limits=Limits(memory_bytes=200 * MIB)) == "memory"
    assert code("spin", limits=Limits(cpu_seconds=1)) == "cpu"
    assert code("sleep", "60", limits=Limits(wall_seconds=1)) == "wall"
    assert code("crash", limits=Limits()) == "crash"
    assert code("garbage", limits=Limits()) == "answer"
    with pytest.raises(SandboxError) as caught:
        run_limited(ECHO, "x" * 2000, limits=Limits(answer_bytes=1000))
    assert caught.value.code == "answer"


def test_a_wall_limit_holds_while_the_child_does_not_read() -> None:
    big = pa.table({"a": [b"x" * MIB] * 50})
    start = time.monotonic()
    with pytest.raises(SandboxError) as caught, Child(TRY, Limits(wall_seconds=1)) as child:
        child.call({"do": "sleep", "with": "60"}, iter([big]))
    assert caught.value.code == "wall"
    assert time.monotonic() - start < 5


def test_a_file_ends_where_the_limit_says() -> None:
    with Child(TRY, Limits(file_bytes=100), write=True) as child:
        assert child.call({"do": "write", "with": "own"}) == "denied"
        assert (Path(child._folder) / "own").stat().st_size <= 100


def test_no_text_of_a_childs_error_comes_back() -> None:
    with pytest.raises(SandboxError) as caught:
        run_limited(TRY, {"do": "secret word"})
    assert caught.value.code == "failed"
    assert "secret" not in str(caught.value)


def test_a_child_ends_with_the_parent() -> None:
    code_ = (
        "import os, sys, time\n"
        "from data_contracts.sandbox import Child\n"
        f"child = Child({TRY!r}); child.ready(); print(child._process.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code_], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(") ", 1)[1][0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the child outlived its parent")


def test_a_child_that_nobody_asks_again_is_gone() -> None:
    child = Child(ECHO)
    pid = child._process.pid
    child.ready()
    child.close()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_by_its_last_step_only_what_it_does_not_name(machine: str) -> None:
    steps = program(machine, 123, files=True)
    assert len(steps) < 4096  # the kernel's own limit
    assert steps[-1] == (0x06, 0, 0, 0x7FFF0000)
    for place, (kind, yes, no, _) in enumerate(steps):
        if kind not in (0x06, 0x20):
            assert place + 1 + max(yes, no) < len(steps)


def test_a_child_starts_without_the_parents_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_SECRET", "planted")
    assert attempt("environment", "ISTHMUS_SECRET") == "denied"
    assert json.loads(json.dumps(run_limited(ECHO, None))) is None

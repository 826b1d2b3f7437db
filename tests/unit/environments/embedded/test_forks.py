"""Every script here forks in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., str]


def test_answers_come_back_and_errors_keep_their_family(run_python: Run) -> None:
    code = """
import json
from data_contracts.errors import DeniedError
from environments.embedded.forks import ask_all

def refuse():
    raise DeniedError("by terms", remedy="ask the owner")

def defect():
    return {}["Jane Doe"]

told = ask_all({"six": lambda: 6, "no": refuse, "oops": defect})
no, oops = told["no"], told["oops"]
print(json.dumps([told["six"], type(no).__name__, str(no), no.remedy, type(oops).__name__, str(oops)]))
"""
    said = json.loads(run_python(code))
    assert said[:4] == [6, "DeniedError", "by terms", "ask the owner"]
    assert said[4] == "DefectError"
    assert "Jane" not in said[5]


def test_a_child_that_dies_without_a_word_is_an_error_and_no_hang(run_python: Run) -> None:
    code = """
import os
from environments.embedded.forks import ask_all
print(type(ask_all({"gone": lambda: os._exit(9)})["gone"]).__name__)
"""
    assert run_python(code).strip() == "UnreachableError"


def test_a_slow_answer_is_given_up(run_python: Run) -> None:
    code = """
import time
from environments.embedded.forks import ask_all
began = time.monotonic()
told = ask_all({"slow": lambda: time.sleep(30)}, timeout=0.3)
print(type(told["slow"]).__name__, time.monotonic() - began < 5)
"""
    assert run_python(code).split() == ["UnreachableError", "True"]


def test_a_fork_with_a_second_thread_is_refused(run_python: Run) -> None:
    code = """
import threading
from environments.embedded.forks import ask
threading.Thread(target=threading.Event().wait, daemon=True).start()
try:
    ask(lambda: 1)
except Exception as error:
    print(type(error).__name__, error)
"""
    assert run_python(code).strip() == "DefectError a fork with 2 threads"


def test_a_child_holds_no_descriptor_but_its_own_and_leads_a_session(run_python: Run, tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from environments.embedded.forks import fork_part
secret = os.open("/etc/hostname", os.O_RDONLY)
kept = os.open("/etc/hostname", os.O_RDONLY)
def body():
    held = [(int(name), os.path.realpath(f"/proc/self/fd/{name}")) for name in os.listdir("/proc/self/fd")]
    open_files = [number for number, path in held if path == "/etc/hostname"]
    print(open_files == [kept], os.getsid(0) == os.getpid(), flush=True)
    return 3
pid = fork_part(body, log=Path(sys.argv[1]), keep=[kept])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    log = tmp_path / "part.log"
    assert run_python(code, str(log)).strip() == "3"
    assert log.read_text().strip() == "True True"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_child_dies_with_its_parent_however_that_dies(run_python: Run, tmp_path: Path) -> None:
    code = """
import os, signal, sys, time
from pathlib import Path
from environments.embedded.forks import fork_part
from environments.embedded.processes import alive, identify

middle = os.fork()
if middle == 0:
    pid = fork_part(lambda: time.sleep(60))
    Path(sys.argv[1]).write_text(str(pid))
    time.sleep(60)
while not Path(sys.argv[1]).exists() or not Path(sys.argv[1]).read_text():
    time.sleep(0.01)
time.sleep(0.2)
child = identify(int(Path(sys.argv[1]).read_text()))
assert child is not None
os.kill(middle, signal.SIGKILL)
os.waitpid(middle, 0)
deadline = time.monotonic() + 5
while alive(child) and time.monotonic() < deadline:
    time.sleep(0.01)
print(alive(child))
"""
    assert run_python(code, str(tmp_path / "pid")).strip() == "False"


def test_a_part_that_raises_ends_with_the_errors_status_and_never_runs_its_parents_code(
    run_python: Run, tmp_path: Path
) -> None:
    code = """
import os, sys
from pathlib import Path
from data_contracts.errors import UnreachableError
from environments.embedded.forks import fork_part
def body():
    raise UnreachableError("no disk", remedy="free some")
pid = fork_part(body, log=Path(sys.argv[1]))
print("parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    log = tmp_path / "part.log"
    assert run_python(code, str(log)).split() == ["parent", "5"]
    assert log.read_text() == "isthmus: no disk\n  what to do: free some\n"

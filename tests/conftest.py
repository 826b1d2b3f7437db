"""Nothing is skipped in silence: with CI=true every skip must be listed, with its reason, in tests/skips.txt.

Invariants:
1. A test that did not run (skipped, expected to fail, or its whole file skipped at collection) is a
   failure of the run unless its id and its reason both stand in the list, exactly.
2. The run fails even when every other test passes, also under xdist, where only the controller judges.
3. Under xdist, tests of one group are on one worker, or nothing is run: a group whose tests were spread
   would start its systems once for each worker, and say nothing.
4. Without CI=true nothing changes: a laptop without chromium can still run the rest.
5. What tests write lies in memory, where there is room: a third of the gate's time was spent on waiting for
   a disk. A killed process leaves there what it leaves on a disk; a power cut is the simulation's. After a
   failure the folder stays, and is named.

`SKIPS_FILE` may name another list: the test of this plugin does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

# One thread for linear algebra, as in the environments' own processes: with two cores shared, threads
# that wait by spinning make a fit twenty times slower. It counts only until numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# As the system itself: a library that tests import calls nobody.
os.environ.setdefault("DO_NOT_TRACK", "1")

_LIST = Path(__file__).with_name("skips.txt")
# Two cores shared with a running system: a slow example says nothing about the code. No example
# database: a run must not depend on what an earlier one left; a failing example is printed, to become a test.
settings.register_profile(
    "house",
    deadline=None,
    database=None,
    print_blob=True,
    max_examples=int(os.environ.get("ISTHMUS_EXAMPLES", "60")),
)
settings.load_profile("house")

_UNLISTED = pytest.StashKey[dict[str, str]]()
_QUICK = pytest.StashKey[Path]()
_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder in it
_ROOM = 6 * 2**30


def _listed() -> set[tuple[str, str]]:
    """Return (test id, reason) of every line of the list."""
    entries = set()
    for line in Path(os.environ.get("SKIPS_FILE", _LIST)).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            node, separator, reason = line.partition(" | ")
            if not separator:
                raise pytest.UsageError(f"skips.txt: not `TEST ID | REASON`: {line}")
            entries.add((node.strip(), reason.strip()))
    return entries


def _reason(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return f"xfail: {str(report.wasxfail).removeprefix('reason: ')}"
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(text).removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run where xdist has not seen the groups: it tells them by the end of a test's id."""
    if not getattr(config.option, "loadgroup", False):
        return
    grouped = [item for item in items if item.get_closest_marker("xdist_group")]
    lost = [item for item in grouped if "@" not in item.nodeid.rpartition("]")[2]]
    if lost:
        raise pytest.UsageError(f"xdist lost the group of {len(lost)} tests, first {lost[0].nodeid}")


class _SkipPolicy:
    def __init__(self, config: pytest.Config) -> None:
        self.listed = _listed()
        self.unlisted = config.stash.setdefault(_UNLISTED, {})

    def _judge(self, report: Any) -> None:
        if report.skipped and (report.nodeid, _reason(report)) not in self.listed:
            self.unlisted[report.nodeid] = _reason(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._judge(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._judge(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.unlisted and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unlisted:
            terminalreporter.section("skipped without leave (tests/skips.txt)", red=True)
            for node, reason in sorted(self.unlisted.items()):
                terminalreporter.line(f"{node} | {reason}")


def _quick_folder() -> Path | None:
    """Return a new folder in memory that is named by this process; None where there is no room."""
    if not os.access(_MEMORY, os.W_OK) or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None  # some tests run what they wrote
    if shutil.disk_usage(_MEMORY).free < _ROOM:
        return None
    for left in _MEMORY.glob("it*"):
        if left.name[2:].isdigit() and not Path(f"/proc/{left.name[2:]}").exists():
            shutil.rmtree(left, ignore_errors=True)  # of a run that failed, or was killed
    # Short, as paths of sockets must be; others may pass through it, as they may through /tmp.
    folder = _MEMORY / f"it{os.getpid()}"
    folder.mkdir(mode=0o711)
    return folder


def pytest_configure(config: pytest.Config) -> None:
    """Judge, and say where is written, in the process that reports: not in xdist's workers."""
    if hasattr(config, "workerinput"):
        return
    if "TMPDIR" not in os.environ and config.option.basetemp is None and (quick := _quick_folder()):
        config.stash[_QUICK] = quick
        os.environ["TMPDIR"] = tempfile.tempdir = str(quick)
    if os.environ.get("CI") == "true":
        config.pluginmanager.register(_SkipPolicy(config), "isthmus-skip-policy")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Give the memory back, unless somebody will want to look."""
    quick = session.config.stash.get(_QUICK, None)
    if quick is not None and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        shutil.rmtree(quick, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where the files of what failed are."""
    quick = config.stash.get(_QUICK, None)
    if quick is not None and quick.exists():
        terminalreporter.line(f"what the tests wrote: {quick} (in memory, until the next run)")

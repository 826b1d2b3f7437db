"""The skip policy fails a run that skips in silence, alone and under xdist."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPPED = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no chromium here")
def test_skipped():
    pass
"""
XFAIL = """
import pytest

@pytest.mark.xfail(reason="not built")
def test_expected_to_fail():
    assert False
"""
WHOLE_FILE = """
import pytest

pytest.skip("not on this kernel", allow_module_level=True)
"""
LINES = [
    "test_file.py | not on this kernel",
    "test_skip.py::test_skipped | no chromium here",
    "test_xfail.py::test_expected_to_fail | xfail: not built",
]
LOUD = "*skipped without leave*"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("SKIPS_FILE", str(pytester.path / "list.txt"))
    pytester.path.joinpath("list.txt").write_text("# nothing\n")
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.long
@pytest.mark.parametrize("arguments", [("-p", "no:xdist"), ("-n", "2")], ids=["alone", "xdist"])
def test_a_skip_fails_the_run_until_it_is_listed(
    project: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    project.makepyfile(test_skip=SKIPPED, test_xfail=XFAIL, test_file=WHOLE_FILE)
    unlisted = run(project, *arguments)
    unlisted.stdout.fnmatch_lines([LOUD, *LINES])
    assert unlisted.ret == pytest.ExitCode.TESTS_FAILED
    project.path.joinpath("list.txt").write_text("\n".join(LINES[1:]))
    one_short = run(project, *arguments)
    one_short.stdout.fnmatch_lines([LOUD, LINES[0]])
    one_short.stdout.no_fnmatch_line(LINES[1])
    assert one_short.ret == pytest.ExitCode.TESTS_FAILED
    project.path.joinpath("list.txt").write_text("\n".join(LINES))
    listed = run(project, *arguments)
    listed.stdout.no_fnmatch_line(LOUD)
    assert listed.ret == pytest.ExitCode.OK


def test_the_same_id_for_another_reason_is_not_listed(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=SKIPPED)
    project.path.joinpath("list.txt").write_text("test_it.py::test_skipped | no network\n")
    assert run(project, "-p", "no:xdist").ret == pytest.ExitCode.TESTS_FAILED


def test_a_line_without_reason_is_refused(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_runs():\n    pass\n")
    project.path.joinpath("list.txt").write_text("test_it.py::test_skipped\n")
    result = run(project, "-p", "no:xdist")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*not `TEST ID | REASON`*"])


def test_outside_ci_a_skip_stays_a_skip(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    project.makepyfile(test_it=SKIPPED)
    assert run(project, "-p", "no:xdist").ret == pytest.ExitCode.OK

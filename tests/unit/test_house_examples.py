"""Examples in docstrings tell the truth: what they print is what they say they print.

An example may stand on something that only a system has (`folder`, `env`, an event loop): a name that
nothing defines makes it an illustration, and the rest of it is not run.
"""

from __future__ import annotations

import doctest
import importlib
import io
import pkgutil
from pathlib import Path
from typing import Any

import pytest

ELSEWHERE = {
    "environments.embedded.forks": "it forks, which a process with a test runner's threads must not",
}
PACKAGES = ("data_contracts", "environments", "tasks", "flows")


class _Runner(doctest.DocTestRunner):
    def __init__(self) -> None:
        super().__init__(verbose=False, optionflags=doctest.ELLIPSIS)
        self.wrong: list[str] = []
        self.illustration = False

    def report_failure(
        self,
        out: Any,  # noqa: ARG002 - doctest's signature
        test: doctest.DocTest,
        example: doctest.Example,
        got: str,
    ) -> None:
        if not self.illustration:
            self.wrong.append(f"{test.name}: >>> {example.source.strip()}\n  gives {got.strip()}")

    def report_unexpected_exception(
        self, out: Any, test: doctest.DocTest, example: doctest.Example, exc_info: Any
    ) -> None:
        outside = issubclass(exc_info[0], SyntaxError) and "outside async" in str(exc_info[1])
        self.illustration = self.illustration or outside or issubclass(exc_info[0], NameError)
        self.report_failure(out, test, example, f"{exc_info[0].__name__}: {exc_info[1]}")


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        found += [module.name for module in pkgutil.walk_packages(path, f"{package}.")]
    return found


def wrong_examples(module: Any) -> list[str]:
    wrong = []
    for test in doctest.DocTestFinder().find(module):
        runner = _Runner()
        runner.run(test, out=io.StringIO().write)
        wrong += runner.wrong
    return wrong


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example that makes something makes it here."""
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "ISTHMUS_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))


@pytest.mark.usefixtures("nowhere")
def test_examples_tell_the_truth() -> None:
    names = modules()
    wrong = [
        line
        for name in names
        if name not in ELSEWHERE
        for line in wrong_examples(importlib.import_module(name))
    ]
    assert not wrong, "\n".join(wrong)
    assert len(names) > 50


def test_a_lie_is_found_and_an_illustration_is_not_run() -> None:
    module = type(doctest)("m")
    module.__doc__ = ">>> 1 + 1\n3\n"
    assert len(wrong_examples(module)) == 1
    module.__doc__ = ">>> folder.name\n'onprem'\n>>> 1 + 1\n3\n"
    assert wrong_examples(module) == []

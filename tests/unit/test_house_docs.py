"""The documentation's own checks find what they should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from generator import adr, claims, links  # noqa: E402
from generator.licences import allowed  # noqa: E402

LICENCES = frozenset({"MIT", "Apache-2.0", "BSD-3-Clause", "MIT License"})


def test_the_documentation_is_complete() -> None:
    command = [sys.executable, str(ROOT / "docs/build.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("UNKNOWN", False),
        ("", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only AND (MIT OR Apache-2.0)", False),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", True),
        ("GPL-3.0-only OR MIT AND Apache-2.0", True),
        ("MIT License; GNU General Public License", False),
        ("MIT; Apache-2.0", True),
        ("MIT OR", False),
    ],
)
def test_licences(declared: str, verdict: bool) -> None:
    assert allowed(declared, LICENCES) is verdict


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "docs/adr").mkdir(parents=True)
    return tmp_path


def test_links(project: Path) -> None:
    (project / "a.md").write_text(
        "# A `b` page\n\n[x](#a-b-page) [y](#no) [z](b.md)\n```\n[q](q.md)\n```\n[w](https://x)\n[d](docs)\n"
    )
    (project / "code.py").write_text("# see docs/guides/no.md and ADR-0042\n")
    assert links.problems(project) == [
        "a.md:3: link to a heading #no, which a.md does not have",
        "a.md:3: link to b.md, which does not exist",
        "code.py:1: names docs/guides/no.md, which does not exist",
        "code.py:1: names ADR-0042, which does not exist",
    ]


def test_decisions(project: Path) -> None:
    folder = project / "docs/adr"
    whole = "# 1\n\n## Context\n\n## Decision\n\n## Rejected\n\n## Consequences\n"
    (folder / "README.md").write_text("[one](0001-one.md) [three](0003-three.md)")
    (folder / "0001-one.md").write_text(whole)
    (folder / "0003-three.md").write_text(whole.replace("## Rejected", "## Refused"))
    (folder / "0004-four.md").write_text(whole)
    assert adr.problems(project) == [
        "docs/adr/0003-three.md:1: expected number 0002 and a title in lower case",
        "docs/adr/0003-three.md:1: no section `## Rejected`",
        "docs/adr/0004-four.md:1: expected number 0003 and a title in lower case",
        "docs/adr/0004-four.md:1: missing from docs/adr/README.md",
    ]


def test_claims_of_the_threat_model_name_tests_that_exist(project: Path) -> None:
    assert claims.problems(project) == ["docs/threat-model.md:1: there is no threat model"]
    (project / "tests").mkdir()
    (project / "tests/test_a.py").write_text("def test_there() -> None: ...\n")
    (project / "docs/threat-model.md").write_text(
        "| it | stopped by | tests |\n| --- | --- | --- |\n"
        "| reads | keys | `test_a.py::test_there` |\n"
        "| writes | hope | `test_a.py::test_gone` |\n"
        "| lies | | |\n"
        "| waits | | not yet |\n"
    )
    assert claims.problems(project) == [
        "docs/threat-model.md:4: no test test_gone in tests/test_a.py",
        "docs/threat-model.md:5: a claim without a test, nor the words 'not yet'",
    ]

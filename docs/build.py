"""Write docs/reference and docs/schemas from the code; with --check, write nothing and say what is wrong.

Invariants:
1. Nothing in either is written by hand: a page is a function of the code and the lock file.
2. `--check` reports every finding at once, one a line (`FILE:LINE: what is wrong`), and then exits with 1.

Example:
    $ make docs     # after changing a command, an error, an environment key or a dependency
    $ make check    # among other things: python docs/build.py --check
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # PYTHONSAFEPATH=1 leaves it out

from generator import (  # noqa: E402
    adr,
    claims,
    commands,
    dependencies,
    environment_file,
    exit_codes,
    expectations,
    licences,
    links,
    schemas,
)
from generator.page import Page  # noqa: E402

PAGES = (
    commands.page,
    environment_file.page,
    exit_codes.page,
    expectations.page,
    dependencies.page,
    licences.page,
)
CHECKS = (
    commands.problems,
    dependencies.problems,
    licences.problems,
    adr.problems,
    links.problems,
    claims.problems,
)


def _stale(pages: list[Page]) -> list[str]:
    found = [
        f"{page.path.relative_to(ROOT)}:1: not what the code says now; run `make docs`"
        for page in pages
        if not page.path.exists() or page.path.read_text(encoding="utf-8") != page.text
    ]
    known = {page.path for page in pages}
    kept = (*(ROOT / "docs/reference").glob("*.md"), *(ROOT / "docs/schemas").glob("*"))
    strays = sorted(set(kept) - known)
    return [*found, *(f"{path.relative_to(ROOT)}:1: nothing generates this page" for path in strays)]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; return the exit status."""
    pages = [*(make(ROOT) for make in PAGES), *schemas.pages(ROOT)]
    if arguments not in ([], ["--check"]):
        print("usage: python docs/build.py [--check]", file=sys.stderr)
        return 2
    if not arguments:
        for page in pages:
            page.path.parent.mkdir(exist_ok=True)
            page.path.write_text(page.text, encoding="utf-8")
        print(f"docs: {len(pages)} pages in docs/reference and docs/schemas")
        return 0
    findings = [*_stale(pages), *(finding for check in CHECKS for finding in check(ROOT))]
    for finding in findings:
        print(finding)
    print(f"docs: {len(findings)} findings" if findings else "docs: complete")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

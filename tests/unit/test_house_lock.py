"""The lock file: every byte by hash, no address, complete, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+))?"
    r"(?P<hashes>(?: \\\n +--hash=\S+)+)$",
    re.MULTILINE,
)
ENTRIES = list(ENTRY.finditer(TEXT))
HERE = {
    canonicalize_name(entry["name"]): entry["version"]
    for entry in ENTRIES
    if entry["marker"] is None or Marker(entry["marker"]).evaluate()
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]]


def test_every_entry_has_hashes() -> None:
    lines = [line for line in TEXT.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(ENTRIES) > 100
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry["hashes"]) for entry in ENTRIES)


def test_no_address() -> None:
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links|file:| @ ", TEXT)


def test_what_we_declare_is_locked() -> None:
    for need in DIRECT:
        version = Version(HERE[canonicalize_name(need.name)])
        assert need.specifier.contains(version, prereleases=True), (
            f"{need} against {version}: run `make lock`"
        )


def test_the_lock_is_complete() -> None:
    """What is installed with --no-deps must hold everything that anything in it needs (ADR-0009)."""
    environment = {key: str(value) for key, value in default_environment().items()}
    queue = [(canonicalize_name(need.name), extra) for need in DIRECT for extra in {"", *need.extras}]
    seen: set[tuple[str, str]] = set()
    while queue:
        name, extra = queue.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        assert name in HERE, f"{name} is needed and not locked: run `make lock`"
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({**environment, "extra": extra}):
                queue += [(canonicalize_name(need.name), more) for more in {"", *need.extras}]
    assert len({name for name, _ in seen}) > 100


def test_what_is_installed_is_what_is_locked() -> None:
    assert {name: metadata.version(name) for name in HERE} == HERE, "run `make setup`"

"""One environment with a ledger, and the ways to write into its file past it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import verify_ledger
from environments.ledger.database import DATABASE


@pytest.fixture
def folder(tmp_path: Path) -> EnvironmentFolder:
    made = EnvironmentFolder(tmp_path / "onprem").create()
    create_identity(made, "onprem")
    return made


@pytest.fixture
def identity(folder: EnvironmentFolder) -> Identity:
    return load_identity(folder)


@pytest.fixture
def witness(tmp_path: Path) -> EnvironmentFolder:
    return EnvironmentFolder(tmp_path / "cloud").create()


@pytest.fixture
def sql(folder: EnvironmentFolder) -> Callable[..., list[tuple[object, ...]]]:
    """Run statements on the ledger's file, as whoever holds the disk could."""

    def run(*statements: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(folder.ledger / DATABASE)) as database, database:
            return [row for statement in statements for row in database.execute(statement).fetchall()]

    return run


@pytest.fixture
def findings(folder: EnvironmentFolder, identity: Identity) -> Callable[[], list[tuple[str, int]]]:
    def found() -> list[tuple[str, int]]:
        return [(p.id, p.sequence) for p in verify_ledger(folder.ledger, identity.public).problems]

    return found

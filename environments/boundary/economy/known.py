"""What this environment's gate found out before, and need not find out again: that bytes keep their contract.

Invariants:
1. Only a pass is kept. What broke its contract is checked again, whenever it is asked for.
2. A pass is found again only for the same version, the same contract digest and the same engine (the bytes of
   our code for contracts, and the versions of the libraries that it stands on).
3. A contract whose verdict depends on more than the bytes (other assets, the clock, queries, code of a site's
   own) is checked every time.
4. Each entry is signed by this environment. One that does not verify, or tells of something else than it is
   named for, is removed, and the check is made. It says nothing of the bytes themselves: whoever uses it has
   compared them with the store's record before.
5. The newest entries are kept, a bounded number.

Example:
    >>> if not passed_before(env, record, contract):
    ...     verdict = check_parts(env, contract, paths)
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import data_contracts
from data_contracts.digest import digest_json
from data_contracts.errors import NotVerifiableError
from data_contracts.model import Column, Contract
from environments.boundary.economy.entries import open_entry, seal_entry
from environments.private import disk_errors, make_private, read_private, write_private

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext
    from environments.stores import AssetRecord

__all__ = ["by_bytes_alone", "engine", "passed_before", "remember_pass"]

_KIND = b"isthmus-passed-1"
_MOST = 1000
_BUILT_ON = ("polars", "pyarrow", "numpy", "duckdb", "great-expectations")


def passed_before(env: EnvironmentContext, record: AssetRecord, contract: Contract) -> bool:
    """Whether this gate found before that the version keeps the contract, with this very engine."""
    if not by_bytes_alone(contract):
        return False
    about = _about(record, contract)
    path = _path(env, about)
    try:
        open_entry(env, _KIND, read_private(path), about)
    except FileNotFoundError:
        return False
    except NotVerifiableError:
        with disk_errors(f"{path}: cannot be removed"):
            path.unlink(missing_ok=True)
        return False
    return True


def remember_pass(env: EnvironmentContext, record: AssetRecord, contract: Contract) -> None:
    """Keep that the version keeps the contract."""
    if not by_bytes_alone(contract):
        return
    about = _about(record, contract)
    path = _path(env, about)
    make_private(path.parent)
    write_private(path, seal_entry(env, _KIND, {"about": about}))
    with disk_errors(f"{path.parent}: cannot be cleared"):
        kept = list(path.parent.glob("*.json"))
        # Their ages are asked for now and then: a set notes thousands one after another.
        if len(kept) > _MOST + _MOST // 8:
            for old in sorted(kept, key=_age)[:-_MOST]:
                old.unlink(missing_ok=True)


@cache
def engine() -> str:
    """Return the digest of what checks: our code for contracts, and what it stands on."""
    root = Path(next(iter(data_contracts.__path__)))
    code = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        code.update(path.relative_to(root).as_posix().encode() + b"\0")
        code.update(hashlib.sha256(path.read_bytes()).digest())
    found = {}
    for name in _BUILT_ON:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return digest_json({"code": code.hexdigest(), "libraries": found})


def _about(record: AssetRecord, contract: Contract) -> dict[str, Any]:
    return {"version": record.version, "contract": contract.digest, "engine": engine()}


def _path(env: EnvironmentContext, about: dict[str, Any]) -> Path:
    return env.folder.economy / "passed" / f"{digest_json(about).removeprefix('sha256:')}.json"


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def by_bytes_alone(contract: Contract) -> bool:
    """Whether the verdict is a function of the bytes: no other asset, clock, query, or code of others."""
    if contract.sla or len(contract.objects) != 1:
        return False
    item = contract.objects[0]
    return (
        not item.relationships
        and all(rule.kind == "library" for rule in item.rules)
        and all(map(_column_alone, item.columns))
    )


def _column_alone(column: Column) -> bool:
    return (
        not column.relationships
        and all(rule.kind == "library" for rule in column.rules)
        and all(map(_column_alone, column.children))
    )

"""The other side of a foreign key: which asset of the same environment holds the object that it names.

Invariants:
1. Only this environment's own store is looked at; nothing of another environment can satisfy a key.
2. Exactly one asset there has an object of that name, in its latest version, every byte verified; where
   none or several have, the key stays without its other side, and the rule is not evaluated: it fails.

Example:
    >>> plan = compile_plan(contract, references=reference_files(store, contract, paths))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.model import Contract
from environments.stores import AssetStore

if TYPE_CHECKING:
    from data_contracts.checks import Files
    from data_contracts.model import Relationship

__all__ = ["reference_files"]

_SUFFIX = ".odcs.yaml"


def reference_files(store: AssetStore, contract: Contract, own: Sequence[Path]) -> dict[str, Files]:
    """Return the files of the assets that a contract's foreign keys refer to, by the object's name.

    Args:
        store: the environment's.
        contract: the contract that is checked.
        own: the files that are checked: a key may refer to its own object.

    Raises:
        NotVerifiableError: a byte of another asset is wrong.
    """
    from data_contracts.checks import Files

    if contract.model is not None or len(contract.objects) != 1:
        return {}
    found: dict[str, Files] = {}
    for key in contract.object.foreign_keys:
        if key.to_object in found:
            continue
        if key.file is None and key.to_object == contract.object.name:
            found[key.to_object] = Files(tuple(own))
            continue
        others = [paths for name in store.names() if (paths := _paths(store, name, key))]
        if len(others) == 1:
            found[key.to_object] = Files(others[0])
    return found


def _paths(store: AssetStore, name: str, key: Relationship) -> tuple[Path, ...]:
    record = store.record(name)
    contract = store.contract(record)
    if contract.model is not None or [item.name for item in contract.objects] != [key.to_object]:
        return ()
    if key.file is not None and Path(key.file).name not in {contract.id, f"{contract.id}{_SUFFIX}"}:
        return ()
    return tuple(path for path in store.open(record) if path.suffix == ".parquet")

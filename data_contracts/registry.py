"""The contracts of one site: the shipped ones, and the user's own.

Invariants:
1. Every `*.odcs.yaml` in the given folders is read; one that does not load is an error, not skipped.
2. One `id@version` names one document; the same reference with two digests is an error.

Example:
    >>> from pathlib import Path
    >>> sorted(ContractRegistry.shipped().ids())[0]
    'bank.anonymous-clients'
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from data_contracts.errors import DeclarationError, Problem, UsageError
from data_contracts.loading import load_contract
from data_contracts.model import Contract

__all__ = ["CATALOG", "ContractRegistry"]

CATALOG = Path(__file__).resolve().parent / "catalog"


class ContractRegistry:
    """Contracts by id and by reference."""

    def __init__(self, directories: Sequence[Path]) -> None:
        """Remember the folders; they are read when first asked."""
        self._directories = tuple(directories)

    @classmethod
    def shipped(cls) -> ContractRegistry:
        """Return the registry of the catalog alone."""
        return cls([CATALOG])

    @cached_property
    def _contracts(self) -> dict[str, Contract]:
        found: dict[str, Contract] = {}
        problems: list[Problem] = []
        for path in (p for folder in self._directories for p in sorted(folder.glob("*.odcs.yaml"))):
            try:
                contract = load_contract(path)
            except DeclarationError as error:
                problems.extend(error.problems)
                continue
            known = found.setdefault(contract.reference, contract)
            if known.digest != contract.digest:
                message = f"{contract.reference} is declared a second time, with other words"
                problems.append(Problem(str(path), 0, 0, "version", message, "a new version number"))
        if problems:
            raise DeclarationError(problems)
        return found

    def all(self) -> tuple[Contract, ...]:
        """Return every contract, by reference.

        Raises:
            DeclarationError: some file of the folders does not load; all problems of all files.
        """
        return tuple(self._contracts[key] for key in sorted(self._contracts))

    def ids(self) -> tuple[str, ...]:
        """Return the known ids, sorted."""
        return tuple(sorted({contract.id for contract in self._contracts.values()}))

    def get(self, reference: str) -> Contract:
        """Return the contract of `ID@VERSION`, or the newest version of `ID`.

        Raises:
            UsageError: no such contract; the text names the known ids.
            DeclarationError: some file of the folders does not load.
        """
        found = self._contracts.get(reference)
        if found is None:
            versions = [c for c in self._contracts.values() if c.id == reference]
            found = max(versions, key=lambda c: tuple(map(int, c.version.split("."))), default=None)
        if found is None:
            raise UsageError(
                f"no contract {reference}", remedy=f"known contracts: {', '.join(self.ids()) or 'none'}"
            )
        return found

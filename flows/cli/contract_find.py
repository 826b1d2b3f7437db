"""A contract that a person named: a file, an id, or `ID@VERSION`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from environments.site import Site

if TYPE_CHECKING:
    from data_contracts.model import Contract

__all__ = ["find_contract"]


def find_contract(named: str, site: Site) -> Contract:
    """Return the contract of the file, or of that id among the catalogue's and the site's.

    Raises:
        UsageError: there is neither; the text names the known ids.
        DeclarationError: it does not load.
    """
    from data_contracts.loading import load_contract

    path = Path(named)
    if path.suffix in {".yaml", ".yml", ".json"} or path.is_file():
        return load_contract(path)
    return site.contracts.get(named)

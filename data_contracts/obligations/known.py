"""The obligations by name. Adding one: write its file, add it here, and run its conformance suite."""

from __future__ import annotations

from data_contracts.obligations.base import Obligation
from data_contracts.obligations.code import Code
from data_contracts.obligations.drop import Drop
from data_contracts.obligations.generalise import Generalise
from data_contracts.obligations.keep import Keep
from data_contracts.obligations.pseudonymise import Pseudonymise

__all__ = ["OBLIGATIONS"]

_ALL: tuple[Obligation, ...] = (Keep(), Drop(), Pseudonymise(), Code(), Generalise())
OBLIGATIONS: dict[str, Obligation] = {obligation.name: obligation for obligation in _ALL}

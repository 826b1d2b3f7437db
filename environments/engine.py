"""The policy engine of a site: the shipped rules, or those and what `site.toml` names beside them.

    [policy]
    engine = "ourcompany.law:engine"     # MODULE:NAME, installed beside Isthmus

Invariants:
1. Without the key the shipped rules decide. With it they decide too: the site's engine can only deny more.
2. What is named and is not there, or is no engine, is an error: nothing is decided without it.

Example:
    >>> load_engine(Site.load()) is SHIPPED_RULES
    True
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from data_contracts.engine import SHIPPED_RULES, Narrowing, PolicyEngine
from data_contracts.errors import UsageError

if TYPE_CHECKING:
    from environments.site import Site

__all__ = ["load_engine"]

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_WRITE = 'write engine = "MODULE:NAME" under [policy] in site.toml, or leave the table away'


def load_engine(site: Site) -> PolicyEngine:
    """Return who decides crossings here.

    Raises:
        UsageError: `site.toml` names an engine that is not there, or is none.
    """
    table = site.settings.get("policy")
    if table is None:
        return SHIPPED_RULES
    named = table.get("engine") if isinstance(table, Mapping) and set(table) == {"engine"} else None
    if not isinstance(named, str) or not _DOTTED.fullmatch(named):
        raise UsageError("site.toml: [policy] is not the name of an engine", remedy=_WRITE)
    module, _, name = named.partition(":")
    try:
        engine = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"site.toml: the policy engine {named} is not installed here ({type(error).__name__})",
            remedy="install it beside Isthmus, in every environment; without it nothing is decided",
        ) from None
    if not callable(getattr(engine, "decide", None)):
        raise UsageError(f"site.toml: {named} is no policy engine: it has no decide()", remedy=_WRITE)
    return Narrowing(cast("PolicyEngine", engine))

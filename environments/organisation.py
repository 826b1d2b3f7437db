"""The organisation's rule: an allow list above contracts and above each side's own rules.

`SITE/policies/*.yaml`, each file `version: 1` and `transfers`, a list of `from`, `to`, `purposes` and
`contracts`, and of `requesters` where a line is not for everybody. A crossing must be listed by at least one
line of all files together.

Invariants:
1. Without a file there is no such rule, and it adds nothing. With one, what it does not list is denied.
2. A file in the folder that is none of ours is a problem, not something to be passed over: a rule that
   nobody reads would be believed.
3. Every problem of every file is reported at once.

Example:
    >>> load_organisation(None) == NO_ORGANISATION_RULES
    True
"""

from __future__ import annotations

from pathlib import Path

from data_contracts.destination import OrganisationRule, TransferRule
from data_contracts.errors import DeclarationError, Problem
from data_contracts.policy import NO_ORGANISATION_RULES
from data_contracts.yamlsource import load_yaml
from environments.asking_fields import ANY_NAME, read_requesters
from environments.fields import Fields
from environments.loading import CONTRACT_ID

__all__ = ["load_organisation"]

_KEYS = ("from", "to", "purposes", "contracts")
_NOT_RULES = frozenset({"README.md"})


def load_organisation(folder: Path | None) -> tuple[OrganisationRule, ...]:
    """Read the organisation's rules.

    Args:
        folder: `SITE/policies`; None where the site has none.

    Raises:
        DeclarationError: every problem of every file.
    """
    entries = [] if folder is None else sorted(folder.iterdir())
    rules: list[OrganisationRule] = []
    problems: list[Problem] = []
    files = [path for path in entries if path.name not in _NOT_RULES and not path.name.startswith(".")]
    for path in files:
        if path.suffix not in {".yaml", ".yml"} or not path.is_file():
            problems.append(Problem(str(path), 0, 0, "", "no file of rules", "NAME.yaml, or nothing"))
            continue
        try:
            fields = Fields(load_yaml(path))
        except DeclarationError as error:
            problems += error.problems
            continue
        rules += _rules(fields)
        problems += fields.problems
    if problems:
        raise DeclarationError(problems)
    return tuple(rules) if files else NO_ORGANISATION_RULES


def _rules(fields: Fields) -> list[OrganisationRule]:
    fields.mapping((), ("version", "transfers"), ("version", "transfers"))
    fields.integer(("version",), low=1, high=1, default=1)
    return [_rule(fields, at) for at in range(len(fields.items(("transfers",), "what may cross")))]


def _rule(fields: Fields, at: int) -> OrganisationRule:
    place = ("transfers", at)
    fields.mapping(place, (*_KEYS, "requesters"), _KEYS)
    return OrganisationRule(
        fields.texts((*place, "from"), ANY_NAME, 'environments, or "*"'),
        TransferRule(
            environments=fields.texts((*place, "to"), ANY_NAME, 'environments, or "*"'),
            purposes=fields.texts((*place, "purposes"), ANY_NAME, 'purposes, or "*"'),
            contracts=fields.texts((*place, "contracts"), CONTRACT_ID, 'ids of contracts, or "*"'),
            requesters=read_requesters(fields, place),
        ),
    )

"""One readable page per contract, as Markdown: what it promises, who answers, and what may cross where.

Invariants:
1. The same contracts give the same pages, byte by byte.
2. Text of a contract is escaped: it cannot make a table, a link or HTML of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from data_contracts.evolution.words import column_rows, crossing_lines, promises, selector_words
from data_contracts.loading import unevaluated
from data_contracts.model import Contract, SchemaObject
from data_contracts.terms import CrossingDeclaration

__all__ = ["contract_page", "index_page", "page_name"]

_NOTE = "<!-- Written by `isthmus contract docs`; change the contract, not this page. -->"
_SPECIAL = re.compile(r"([\\|<>\[\]*_#!])")


def page_name(contract: Contract) -> str:
    """Return the file name of the contract's page."""
    return f"{contract.id}@{contract.version}.md"


def index_page(contracts: Iterable[Contract]) -> str:
    """Return a page that leads to the contracts' pages."""
    rows = [
        (
            f"[{_safe(made.name)}]({page_name(made)})",
            _safe(made.reference),
            _safe(made.status),
            made.labels.classification.word,
            ", ".join(dict.fromkeys(selector_words(c.to) for c in made.terms.crossings))
            if made.terms is not None
            else "nowhere",
        )
        for made in contracts
    ]
    head = ("Contract", "Reference", "Status", "Highest classification", "May cross to")
    return "\n".join([_NOTE, "", "# Data contracts", "", *_table(head, rows), ""])


def contract_page(contract: Contract) -> str:
    """Return the page of one contract."""
    return "\n".join([*_page(contract), ""])


def _page(contract: Contract) -> Iterator[str]:
    yield from (_NOTE, "", f"# {_safe(contract.name)}", "")
    yield f"`{contract.reference}`, {_safe(contract.status)}. Digest `{contract.digest}`."
    if contract.description:
        yield from ("", _safe(contract.description))
    for item in contract.objects:
        yield from _object(item)
    yield from _crossings(contract)
    yield from _unevaluated(contract)
    yield from _people(contract)


def _object(item: SchemaObject) -> Iterator[str]:
    yield from ("", f"## {_safe(item.name)}", "")
    if item.description:
        yield from (_safe(item.description), "")
    yield from (f"- {_safe(line)}" for line in promises(item))
    head = ("Column", "Type", "Labels", "Promises", "Description")
    rows = [tuple(map(_safe, row)) for row in column_rows(item)]
    yield from ("", *_table(head, rows))


def _crossings(contract: Contract) -> Iterator[str]:
    yield from ("", "## What may cross", "")
    if contract.terms is None:
        yield "Nothing: the contract has no boundary terms. Data under it may be checked, and never crosses."
        return
    yield "The gate asks clearance and both environments' own rules as well; what is not here never crosses."
    for crossing in contract.terms.crossings:
        yield from _crossing(crossing, contract)


def _crossing(crossing: CrossingDeclaration, contract: Contract) -> Iterator[str]:
    yield from ("", f"### To {_safe(selector_words(crossing.to))}, for {', '.join(crossing.purposes)}", "")
    if crossing.rows is not None:
        yield from (f"Only rows where {_safe(crossing.rows.text)}.", "")
    if crossing.anonymity is not None:
        terms = crossing.anonymity
        yield (
            f"At least {terms.k} rows share each combination of "
            f"{_safe(', '.join(terms.quasi_identifiers))}; at most {terms.max_suppressed:.4g} of all rows "
            "may be left out for that."
        )
        yield from (
            f"Each such group holds at least {least} values of {_safe(name)}."
            for name, least in terms.sensitive.items()
        )
        yield ""
    if crossing.minimum_cell is not None:
        cell = crossing.minimum_cell
        yield from (f"No count under {cell.least} crosses in {_safe(', '.join(cell.columns))}.", "")
    if crossing.profile:
        yield from (f"It keeps the profile {crossing.profile}.", "")
    if crossing.reidentify:
        told = ", ".join(crossing.reidentify)
        yield from (f"At the source, pseudonyms and codes may be turned back for {told}.", "")
    rows = [(_safe(name), _safe(words)) for name, words in crossing_lines(crossing, contract)]
    yield from _table(("Column", "What happens"), rows)


def _unevaluated(contract: Contract) -> Iterator[str]:
    rules = [
        rule
        for item in contract.objects
        for rule in (*item.rules, *(rule for column in item.columns for rule in column.rules))
        if unevaluated(rule) is not None
    ]
    if not rules:
        return
    yield from ("", "## Rules that nothing here evaluates", "")
    for rule in rules:
        entry = contract.acknowledgement(rule.id)
        tail = "It fails every check." if entry is None else ""
        if entry is not None:
            tail = f"{_safe(entry.by)} acknowledged it on {entry.date.isoformat()}: {_safe(entry.reason)}"
        yield f"- {_safe(rule.id)}: {_safe(str(unevaluated(rule)))}. {tail}"


def _people(contract: Contract) -> Iterator[str]:
    parts: tuple[tuple[str, tuple[str, ...], list[tuple[str, ...]]], ...] = (
        (
            "Service",
            ("Agreement", "Value", "About"),
            [
                (_safe(s.property), _safe(f"{s.value} {s.unit}".strip()), _safe(", ".join(s.elements)))
                for s in contract.sla
            ],
        ),
        (
            "Team",
            ("Who", "Name", "Role"),
            [(_safe(m.username), _safe(m.name), _safe(m.role)) for m in contract.team],
        ),
        (
            "Roles",
            ("Role", "Access", "Approved by"),
            [(_safe(r.role), _safe(r.access), _safe(", ".join(r.approvers))) for r in contract.roles],
        ),
        (
            "Servers",
            ("Server", "Type", "Environment"),
            [(_safe(s.name), _safe(s.type), _safe(s.environment)) for s in contract.servers],
        ),
        (
            "Support",
            ("Channel", "Tool", "Scope"),
            [(_safe(s.channel), _safe(s.tool), _safe(s.scope)) for s in contract.support],
        ),
    )
    for title, head, rows in parts:
        if rows:
            yield from ("", f"## {title}", "", *_table(head, rows))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _safe(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    parts = re.split(r"(`[^`]*`)", " ".join(str(text).split()))
    # Code spans show their text; only a bar would still end a table's cell.
    return "".join(
        part.replace("|", "\\|") if index % 2 else _SPECIAL.sub(r"\\\1", part)
        for index, part in enumerate(parts)
    )

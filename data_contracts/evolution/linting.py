"""Everything `isthmus contract lint` says: what the reader finds, and what the engine then refuses.

Invariants:
1. A rule that a check would report as `not_evaluated` is a warning here, whoever refuses it: the reader
   (prose, another server's SQL), the engine (a pattern with look-around, a format that it does not know) or
   the sandbox (a query that is not one SELECT over the object).
2. An acknowledgement turns that warning into a note; one of a rule that is evaluated is a warning, since it
   says something else than what happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import DeclarationError, Problem, UsageError
from data_contracts.loading import lint_source
from data_contracts.loading.profiles import lint_profile
from data_contracts.model import Contract, SchemaObject
from data_contracts.yamlsource import Source, load_yaml

__all__ = ["lint"]

_WILL_FAIL = "will fail as not_evaluated"


def lint(path: Path, *, profile: str = "") -> tuple[Contract | None, tuple[Problem, ...]]:
    """Return the contract (None where it has errors) and every problem, by file and line.

    With a `profile`, every crossing is also asked whether it keeps it, whatever it says of itself, and what
    the profile cannot prove is told as notes.
    """
    try:
        source = load_yaml(path)
    except DeclarationError as error:
        return None, error.problems
    contract, problems = lint_source(source, path.parent)
    if contract is None:
        return None, problems
    told = list(problems)
    if profile:
        told.extend(lint_profile(source, contract, profile))
    told.extend(_refused(source, contract, told))
    told = [_softened(problem, contract) for problem in told]
    told.extend(_needless(source, contract, told))
    return contract, tuple(sorted(told))


def _refused(source: Source, contract: Contract, told: list[Problem]) -> Iterator[Problem]:
    """Find rules that the engine itself refuses and nobody has named yet."""
    named = " ".join(problem.message for problem in told)
    for index, item in enumerate(contract.objects):
        for rule, column, why in _engine_refuses(contract, item):
            if f"rule {rule} " in named:
                continue
            at = item.names.index(column) if column in item.names else None
            place = ("schema", index) if at is None else ("schema", index, "properties", at)
            yield source.problem(place, f"rule {rule} {_WILL_FAIL}: {why}", severity="warning")


def _engine_refuses(contract: Contract, item: SchemaObject) -> Iterator[tuple[str, str | None, str]]:
    from data_contracts.checks import compile_plan
    from data_contracts.sandbox.sql import refused_queries

    try:
        # Whatever the moment is: only whether service levels can be judged at one is asked.
        plan = compile_plan(contract, side=item.name, now=datetime(2000, 1, 1, tzinfo=UTC))
    except UsageError:
        return  # Types without a storable form: each such column's own rule says so where it is checked.
    queries = refused_queries(item)
    for rule in plan.rules:
        if rule.refused is not None:
            yield rule.id, rule.column, "the engine does not take it"
        elif rule.id in queries:
            why = f"its query is refused ({queries[rule.id]}): write one SELECT over this object alone"
            yield rule.id, rule.column, why


def _softened(problem: Problem, contract: Contract) -> Problem:
    """Return the warning as a note where the owner stands for the rule."""
    if _WILL_FAIL not in problem.message:
        return problem
    for entry in contract.acknowledged:
        if problem.message.startswith(f"rule {entry.rule} "):
            message = problem.message.replace(_WILL_FAIL, f"is not evaluated, acknowledged by {entry.by}")
            return replace(problem, severity="note", message=message)
    return problem


def _needless(source: Source, contract: Contract, told: list[Problem]) -> Iterator[Problem]:
    for entry in contract.acknowledged:
        if any(f"rule {entry.rule} " in problem.message for problem in told):
            continue
        message = f"rule {entry.rule} is acknowledged, and it is evaluated: if it fails, it fails"
        yield source.problem(("customProperties",), message, severity="warning")

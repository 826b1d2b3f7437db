"""A file to a draft: read once to learn, then tried: the draft must load, and its own data must pass it.

A promise that the data does not keep after all (a key beyond what was followed) is taken out and the draft
tried again; what cannot be taken out is an error, never a draft that its own source breaks unsaid. The one
thing that is drafted and said are NaN and infinity: no number of a contract is either, so the rows that hold
them break the draft, which tells how many they are (`Draft.unmet`, and the column's description).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.discovery.detecting import detections
from data_contracts.discovery.drafting import draft_document
from data_contracts.discovery.folding import fold
from data_contracts.discovery.judging import Facts, Finding, judge, merged
from data_contracts.discovery.profiling import Node, profile_source
from data_contracts.errors import UsageError
from data_contracts.formats import open_source
from data_contracts.loading import parse_contract
from data_contracts.model import Contract
from data_contracts.verdict import RuleResult

__all__ = ["ColumnReport", "Draft", "Examined", "examine", "infer_contract"]

_TRIES = 4
_NUMERIC = {"type", "minimum", "maximum"}
_WORDS = {"given-name", "family-name", "full-name", "place"}


@dataclass(frozen=True)
class ColumnReport:
    """One column (or path) as it was judged.

    Attributes:
        path: such as `email`, `address.street`, `tags[]`.
        type: the drafted logical type.
        finding: kinds, categories and evidence.
        values: rows with a value.
        missing: rows without one.
        endless: values that are NaN or infinite.
    """

    path: str
    type: str
    finding: Finding
    values: int
    missing: int
    endless: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        counts = {"values": self.values, "missing": self.missing, "endless": self.endless}
        return {"column": self.path, "type": self.type, **counts, **self.finding.to_json()}


@dataclass(frozen=True)
class Draft:
    """A drafted contract.

    Attributes:
        contract: as our own loader reads it.
        text: the YAML file.
        columns: with the evidence.
        rows: of the data.
        unmet: ids of the rules that the data itself breaks, by NaN and infinity alone; mostly none.
    """

    contract: Contract
    text: str
    columns: tuple[ColumnReport, ...]
    rows: int
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examined:
    """A source as it was read and judged.

    Attributes:
        nodes: the columns' profiles, which hold values: they stay in this process.
        columns: the same, told without values.
        rows: of the data.
        kind: the format.
    """

    nodes: list[Node]
    columns: tuple[ColumnReport, ...]
    rows: int
    kind: str


def infer_contract(path: Path, *, identity: str | None = None) -> Draft:
    """Draft a contract from a file, or from a folder of partitioned Parquet.

    Args:
        path: see `formats.open_source`.
        identity: the contract's id; made from the file's name by default.

    Raises:
        UsageError: no such file, a wrong id, or a type or value that no contract of ours can promise.
        DataBreaksContractError: the file is damaged.
    """
    examined = examine(path)
    name = _object_name(path)
    findings = {column.path: column.finding for column in examined.columns}
    document = draft_document(
        examined.nodes,
        findings,
        identity=identity or f"draft.{name}",
        name=name,
        rows=examined.rows,
        kind=examined.kind,
    )
    endless = {column.path: column.endless for column in examined.columns if column.endless}
    contract, text, unmet = _proved(path, document, endless)
    return Draft(contract, text, examined.columns, examined.rows, unmet)


def examine(path: Path) -> Examined:
    """Read a source once and judge its columns, without drafting.

    Raises:
        UsageError: no such file, or a type that no contract of ours can say.
        DataBreaksContractError: the file is damaged.
    """
    source = open_source(path)
    if not source.schema.names:
        raise UsageError(f"{path}: a file without columns", remedy="name a file with columns")
    nodes, rows = profile_source(source)
    if source.kind == "csv" and _headless(nodes):
        raise UsageError(
            f"{path.name}:1: the first line looks like a row of data, not like names",
            remedy="put a first line with the names of the columns into the file",
        )
    paths = [inner for node in nodes for inner in node.walk()]
    logical = [_logical(node, source.kind) for node in paths]
    found = judge([Facts(node.profile, kind) for node, kind in zip(paths, logical, strict=True)])
    by_path = {node.profile.path: finding for node, finding in zip(paths, found, strict=True)}
    whole = [merged([by_path[inner.profile.path] for inner in node.walk()]) for node in paths]
    columns = tuple(
        ColumnReport(
            node.profile.path,
            kind,
            finding,
            node.profile.values,
            node.profile.rows - node.profile.values,
            node.profile.endless,
        )
        for node, kind, finding in zip(paths, logical, whole, strict=True)
    )
    return Examined(nodes, columns, rows, source.kind)


def _logical(node: Node, kind: str) -> str:
    if node.logical != "string" or kind not in {"csv", "jsonl"} or not node.profile.values:
        return node.logical
    return node.profile.types.best(json=kind == "jsonl").kind


def _headless(nodes: list[Node]) -> bool:
    """Whether the names are a row: numbers, words of their own columns, or written as their values.

    A draft would tell that row's values.
    """
    if any(_written_alike(node) for node in nodes):
        return True
    like_data = [
        node.name.strip().replace(".", "", 1).lstrip("+-").isdigit()
        or bool(node.profile.distinct and node.profile.distinct.get(node.name, 0) > 1)
        for node in nodes
    ]
    return 2 * sum(like_data) >= len(nodes)


def _written_alike(node: Node) -> bool:
    """Whether the name is an e-mail address over e-mail addresses, a street over streets, and so on."""
    import polars as pl

    half = node.profile.values / 2
    common = {name for name, count in node.profile.found.items() if count > half} - _WORDS
    return bool(common) and any(
        name in common and bool(flags[0]) for name, flags in detections(pl.Series([node.name.strip()]))
    )


def _object_name(path: Path) -> str:
    stem = re.sub(r"[^a-z0-9]+", "_", fold(path.resolve().stem)).strip("_")
    return stem or "data"


def _proved(
    path: Path, document: dict[str, Any], endless: Mapping[str, int]
) -> tuple[Contract, str, tuple[str, ...]]:
    """Return the contract, its text, and what the source breaks by NaN and infinity: all else it keeps."""
    from data_contracts.checks import check_source, compile_plan

    failed: set[str] = set()
    for _ in range(_TRIES):
        text = _yaml(document)
        contract = parse_contract(text.encode(), file="the draft")
        source = open_source(path, contract)
        verdict = check_source(compile_plan(contract), source.read)
        unmet = tuple(rule.id for rule in verdict.failed if _by_endless(rule, endless))
        failed = {rule.id for rule in verdict.failed} - set(unmet)
        failed |= {f"{column}.type" for column, count in source.unreadable.items() if count}
        if not failed:
            return contract, text, unmet
        if not _without(document, failed):
            break
    raise UsageError(
        f"{path.name}: no contract of ours can promise its columns: {', '.join(sorted(failed))}",
        remedy="write these columns in a type that our contracts have, such as microseconds for times",
    )


def _by_endless(rule: RuleResult, endless: Mapping[str, int]) -> bool:
    """Whether nothing but NaN and infinity can have broken it: no value more than there are of them."""
    return rule.rule in _NUMERIC and 0 < rule.unexpected_count <= endless.get(rule.column or "", 0)


def _without(document: dict[str, Any], failed: set[str]) -> bool:
    """Take the promises with these ids out of the document; tell whether there were any."""
    taken = False
    for column in document["schema"][0]["properties"]:
        name = column["name"]
        for key in ("required", "unique", "primaryKey"):
            if f"{name}.{'unique' if key == 'primaryKey' else key}" in failed and column.pop(key, None):
                taken = True
        if "primaryKey" not in column:
            column.pop("primaryKeyPosition", None)
        options = column.get("logicalTypeOptions", {})
        for key in [key for key in options if f"{name}.{key}" in failed]:
            del options[key]
            taken = True
        if not options:
            column.pop("logicalTypeOptions", None)
        if f"{name}.known" in failed:
            del column["quality"]
            taken = True
    return taken


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    head = (
        "# A draft from data. What may be personal is restricted until a person lowers it, and has no value\n"
        "# here. Nothing crosses under it: it has no boundary terms (docs/guides/infer.md).\n"
    )
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=108)
    return head + str(body)

"""One ODCS document to one `Contract`: standard first, then ours, every problem at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from data_contracts.anonymity import declaration_problems
from data_contracts.digest import canonical
from data_contracts.errors import DeclarationError, Problem
from data_contracts.loading.acknowledged import acknowledgements, marked, rule_ids
from data_contracts.loading.agreements import agreements
from data_contracts.loading.columns import schema_objects
from data_contracts.loading.files import with_files
from data_contracts.loading.keys import with_relationships
from data_contracts.loading.own import own_properties, stray_properties
from data_contracts.loading.pruning import rest_of
from data_contracts.loading.terms import boundary_terms, model_terms
from data_contracts.model import Acknowledgement, Column, Contract, ModelTerms, SchemaObject
from data_contracts.standard.validation import odcs_problems
from data_contracts.terms import BoundaryTerms
from data_contracts.yamlsource import Source, load_yaml, parse_yaml

__all__ = [
    "contract_from_document",
    "dump_contract",
    "lint_contract",
    "lint_source",
    "load_contract",
    "parse_contract",
]

VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0")
_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_MAX_ID = 255
_OWN = frozenset({"isthmusAcknowledged", "isthmusAnonymity", "isthmusBoundary", "isthmusModel"})
_SIDES = {"inputs", "outputs"}
# Servers that keep files; whoever asks their data in SQL asks an engine of his own choice, as we do.
_FILES = {"local", "s3", "azure", "sftp", "custom", "api", "kafka", "kinesis", "pubsub", "glue", "duckdb"}


def load_contract(path: Path) -> Contract:
    """Read one contract from a file.

    Raises:
        DeclarationError: it cannot be read or is no contract of ours; every problem, with lines.
    """
    return _strict(*_read_in(path.parent, load_yaml(path)))


def parse_contract(raw: bytes, *, file: str) -> Contract:
    """Read one contract from bytes; `file` names them in problems.

    Raises:
        DeclarationError: it is no contract of ours; every problem, with lines.
    """
    return _strict(*_read(parse_yaml(raw, file=file)))


def contract_from_document(document: dict[str, Any], *, file: str = "(document)") -> Contract:
    """Read one contract from a JSON value, such as a contract that a store kept.

    Raises:
        DeclarationError: it is no contract of ours.
    """
    return parse_contract(canonical(document), file=file)


def dump_contract(contract: Contract) -> bytes:
    """Return the canonical bytes of the contract's document; JSON is YAML, so they load again."""
    return canonical(contract.document)


def lint_contract(path: Path) -> tuple[Contract | None, tuple[Problem, ...]]:
    """Return the contract (None where it has errors) and every problem, warnings and notes included."""
    try:
        source = load_yaml(path)
    except DeclarationError as error:
        return None, error.problems
    return lint_source(source, path.parent)


def lint_source(source: Source, folder: Path) -> tuple[Contract | None, tuple[Problem, ...]]:
    """Do the same for a document that has been parsed, and that lies in `folder`."""
    contract, problems = _read_in(folder, source)
    broken = any(problem.severity == "error" for problem in problems)
    return (None if broken else contract), tuple(sorted(problems))


def _strict(contract: Contract | None, problems: list[Problem]) -> Contract:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or contract is None:
        raise DeclarationError(errors, remedy="see docs/guides/contracts.md, or run `isthmus contract lint`")
    return contract


def _read_in(folder: Path, source: Source) -> tuple[Contract | None, list[Problem]]:
    """Read a contract with the files of its folder that it names."""
    source, found = with_files(source, folder)
    contract, problems = _read(source)
    return contract, [*found, *problems]


def _read(source: Source) -> tuple[Contract | None, list[Problem]]:
    if not isinstance(source.data, dict):
        return None, [source.problem((), "not a data contract", "a mapping with apiVersion, id, schema, …")]
    version = source.data.get("apiVersion")
    if version not in VERSIONS:
        shown = version if isinstance(version, str) else "none"
        return None, [
            source.problem(("apiVersion",), f"apiVersion {shown} is not supported", ", ".join(VERSIONS))
        ]
    problems = odcs_problems(source)
    if not problems:
        return _build(source)
    rest = rest_of(source)
    if rest is not None:
        problems += [item for item in _build(rest)[1] if not rest.follows_from_a_cut(item)]
    return None, list(dict.fromkeys(problems))


def _build(source: Source) -> tuple[Contract | None, list[Problem]]:
    data = source.data
    problems = _identity_problems(source)
    objects, found = schema_objects(source, dialect=_dialect(data))
    problems.extend(found)
    objects, found = with_relationships(source, objects)
    problems.extend(found)
    service, more = agreements(source, objects)
    problems.extend(more)
    own, found = own_properties(source, ("customProperties",), data.get("customProperties") or [], _OWN)
    problems.extend(found)
    problems.extend(stray_properties(source, (), {k: v for k, v in data.items() if k != "customProperties"}))
    model: ModelTerms | None = None
    if "isthmusModel" in own:
        model = model_terms(own["isthmusModel"][1])
        problems.extend(_side_problems(source, objects))
    terms, found = _terms(source, own.get("isthmusBoundary"), objects, model=model is not None)
    problems.extend(found)
    problems.extend(_anonymity_problems(source, own.get("isthmusAnonymity"), objects))
    acknowledged: tuple[Acknowledgement, ...] = ()
    if "isthmusAcknowledged" in own:
        acknowledged, found = acknowledgements(
            source, *own["isthmusAcknowledged"], rule_ids(objects, service.sla)
        )
        problems.extend(found)
    contract = Contract(
        data["id"],
        data["version"],
        data.get("name") or data["id"],
        data["status"],
        tuple(marked(item, acknowledged) for item in objects),
        terms,
        model,
        data,
        sla=service.sla,
        servers=service.servers,
        roles=service.roles,
        team=service.team,
        support=service.support,
        acknowledged=acknowledged,
        description=(data.get("description") or {}).get("purpose") or "",
    )
    return contract, problems


def _dialect(data: dict[str, Any]) -> str:
    """Return whose SQL the contract's queries are: that of its server, where it has one that knows SQL."""
    types = {str(server["type"]) for server in data.get("servers") or []} - _FILES
    return min(types) if types else "duckdb"


def _terms(
    source: Source, own: tuple[Any, Any] | None, objects: tuple[SchemaObject, ...], *, model: bool
) -> tuple[BoundaryTerms | None, list[Problem]]:
    if own is None:
        message = "no boundary terms: it may be checked, and nothing crosses under it"
        return None, [source.problem(("customProperties",), message, severity="note")]
    place, value = own
    columns: tuple[Column, ...] = objects[0].columns if len(objects) == 1 and not model else ()
    problems = []
    if not model and len(objects) != 1:
        message = f"terms for {len(objects)} schema objects"
        problems.append(source.problem(place, message, "one contract for each table"))
    terms, found = boundary_terms(source, place, value, columns, model=model)
    return terms, [*problems, *found]


def _identity_problems(source: Source) -> list[Problem]:
    data, found = source.data, []
    if not _ID.fullmatch(data["id"]) or len(data["id"]) > _MAX_ID:
        expected = "lower-case letters and digits, joined by '.', '_' or '-'"
        found.append(source.problem(("id",), "not an id that refs can hold", expected))
    if not _VERSION.fullmatch(data["version"]):
        found.append(source.problem(("version",), "not a version", "MAJOR.MINOR.PATCH"))
    return found


def _side_problems(source: Source, objects: tuple[SchemaObject, ...]) -> list[Problem]:
    if {item.name for item in objects} == _SIDES and len(objects) == len(_SIDES):
        return []
    expected = "one schema object named `inputs` and one named `outputs`"
    return [source.problem(("schema",), "not the two sides of a model", expected)]


def _anonymity_problems(
    source: Source, own: tuple[tuple[str | int, ...], Any] | None, objects: tuple[SchemaObject, ...]
) -> list[Problem]:
    """Return what is wrong with `isthmusAnonymity` beyond its schema."""
    if own is None:
        return []
    place, value = own
    if len(objects) != 1:
        return [source.problem(place, f"{len(objects)} schema objects", "one contract for each table")]
    found = declaration_problems(value, objects[0].columns)
    return [source.problem((*place, *inside), message, expected) for inside, message, expected in found]

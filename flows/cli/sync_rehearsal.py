"""What `isthmus sync --dry-run` says: the decision, the terms, what would arrive, and how much of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from environments.ref import AssetRef
from environments.site import Site

if TYPE_CHECKING:
    from flows.runtime.standalone import Rehearsed

__all__ = ["lines_of", "rehearsal_json"]


def rehearsal_json(site: Site, told: Rehearsed, destination: str, purpose: str) -> dict[str, Any]:
    """Return the document of `--dry-run --json`.

    Outcome, rules, rows and bytes are the source's own word, from the data; terms and columns are those of
    the contracts that are declared here, and are there only where it permits.
    """
    made: dict[str, Any] = {
        "dry_run": True,
        "outcome": told.outcome,
        "rules": [rule.to_json() for rule in told.rules],
        "rows": told.rows,
        "bytes": told.size,
        "version": told.refs[0].version if len(told.refs) == 1 else None,
        "members": [{"name": ref.name, "version": ref.version} for ref in told.refs],
        "terms": None,
        "arrival": None,
    }
    if told.outcome == "permitted":
        said = [_declared(site, ref, destination, purpose) for ref in told.refs]
        made |= said[0] if len(said) == 1 else {}
        made["members"] = [member | each for member, each in zip(made["members"], said, strict=True)]
    return made


def _declared(site: Site, ref: AssetRef, destination: str, purpose: str) -> dict[str, Any]:
    from data_contracts.policy import select_terms
    from data_contracts.projection import project

    contract, side = site.contracts.get(ref.contract), site.profile(destination).destination()
    terms, arrival = select_terms(contract, side, purpose), project(contract, side, purpose)
    said = {} if terms is None else terms.columns
    columns = [
        {"name": column.name, "type": column.logical_type, "classification": column.classification.word}
        for item in arrival.objects
        for column in item.columns
    ]
    return {
        "terms": {name: {each.obligation: dict(each.parameters)} for name, each in said.items()},
        "arrival": {"contract": arrival.reference, "columns": columns},
    }


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """Yield the lines for people, after the one that names the outcome."""
    for rule in document["rules"]:
        rows = f", {rule['unexpected_count']:,} rows" if rule["unexpected_count"] else ""
        yield f"  {rule['id']}: {rule['reason']}{rows}"
    if document["outcome"] == "permitted":
        yield f"  {document['rows']:,} rows, {document['bytes']:,} bytes that the destination lacks"
    for member in document["members"] if document["outcome"] == "permitted" else ():
        what = f"{member['name']} " if len(document["members"]) > 1 else ""
        yield f"  {what}would arrive under {member['arrival']['contract']}:"
        arriving = {column["name"]: column for column in member["arrival"]["columns"]}
        width = max(map(len, (*arriving, *member["terms"])), default=0)
        for name, said in member["terms"].items():
            [(obligation, _)] = said.items()
            column = arriving.get(name)
            form = "" if column is None else f"{column['type']}, {column['classification']}"
            yield f"    {name:<{width}}  {obligation:<14}{form}".rstrip()
    yield "  nothing was sent, and nothing recorded; the destination decides again for itself"

"""`isthmus ledger explain`: one crossing, told from one side's record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.identity import load_identity
from environments.ledger import Entry, find_entries, take_over
from environments.ledger.explain import explain as tell
from environments.site import Site
from flows.cli.ledger_folder import open_folder
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["explain"]


@click.command("explain", epilog=example("isthmus ledger explain e1e1e54e041c --env onprem"))
@click.argument("crossing")
@env_option
@home_option
@site_option
@json_option
def explain(*, crossing: str, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Tell who asked for CROSSING, for what and why, by which rules, which bytes went, and what was answered.

    CROSSING is its id, or the beginning of it. All that is told stands in this environment's record; ask the
    peer's for the other side.
    """
    folder = open_folder(home, site, env)
    take_over(folder.ledger, load_identity(folder).public)
    entries = find_entries(folder.ledger, crossing="sha256:" + crossing.removeprefix("sha256:"))
    told = tell(_one(entries, crossing, env))
    if as_json:
        emit_json(told)
        return
    for line in _lines(told):
        click.echo(line)


def _one(entries: list[Entry], crossing: str, env: str) -> list[Entry]:
    found = sorted({str(entry.body["crossing"]) for entry in entries})
    if not found:
        raise UsageError(
            f"{crossing}: {env}'s ledger knows no such crossing", remedy="`isthmus ledger show` lists them"
        )
    if len(found) > 1:
        known = ", ".join(text[7:23] for text in found[:5])
        raise UsageError(f"{crossing}: {len(found)} crossings begin so", remedy=f"say more of it: {known}")
    return entries


def _lines(told: dict[str, Any]) -> Iterator[str]:
    who, what, sent, rules, answer = (told[key] for key in ("who", "what", "bytes", "rules", "answer"))
    yield f"crossing {told['crossing']}, as {told['environment']} wrote it down"
    yield f"  who     {who.get('requester', 'not said')}" + "".join(
        _more(name.replace("_", " "), who.get(name))
        for name in ("attribution", "signed_requester", "request")
    )
    yield f"  what    {what.get('name', 'not said')}" + _more("version", what.get("source_version"))
    yield from _details(what, ("contract", "contract_digest", "arrival_digest"))
    yield f"  why     {told['why']['purpose'] or 'not said'}: {told['source']} to {told['destination']}"
    yield f"  rules   {rules['outcome']}" + _more("decision", rules["decision"])
    yield from (f"          {_rule(rule)}" for rule in rules["rules"])
    if rules["approvals"]:
        yield f"          approved by {', '.join(rules['approvals'])}"
    for item in rules["acknowledged"]:
        yield f"          {item['rule']}: not evaluated; {item['by']} stands for it since {item['date']}"
    yield f"  bytes   {sent.get('size', 'none' if rules['outcome'] != 'permitted' else 'not said')}"
    yield from _details(sent, ("version", "manifest"))
    if answer is None:
        yield "  answer  none yet: the crossing is open"
    else:
        yield f"  answer  {answer.get('outcome')}" + _more("received", answer.get("received"))
        yield from _details(answer, ("receipt",))
        if told["rules"]["rules"] != answer["rules"]:
            yield from (f"          {_rule(rule)}" for rule in answer["rules"])
        if "peer_head" in answer:
            number, digest = answer["peer_head"]
            yield f"          the peer's ledger was at entry {number}, {digest}"
    for entry in told["entries"]:
        outcome = entry["outcome"] or ""
        yield f"  entry   {entry['sequence']:>6}  {entry['time']}  {entry['kind']:<8} {outcome}".rstrip()


def _more(name: str, value: object) -> str:
    return f", {name} {value}" if value else ""


def _details(found: dict[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if name in found:
            yield f"          {name.replace('_', ' ')} {found[name]}"


def _rule(rule: dict[str, Any]) -> str:
    count = f", {rule['unexpected_count']} rows" if rule.get("unexpected_count") else ""
    return f"[{rule['id']}] {rule.get('reason', '')}{count}".rstrip()

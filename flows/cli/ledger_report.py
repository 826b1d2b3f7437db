"""`isthmus ledger report`: one page about a record, for an auditor. It needs no network and runs no script.

The page says first whether the ledger verifies; then keys, peers' heads, and every crossing with what was
asked, by whom, for what, how it ended and by which rules. Everything in it comes from the ledger, and is
escaped: a name is text, whatever it holds.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import click

from data_contracts.errors import NotVerifiableError
from environments.home import Home
from environments.identity import load_identity
from environments.ledger import Entry, Head, LedgerReport, find_entries, verify_ledger
from environments.ledger.explain import explain
from environments.ledger.witness import all_witnessed
from environments.site import Site
from flows.cli.ledger_export import new_file
from flows.cli.ledger_folder import open_folder
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["page", "report"]

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ccc}"
    "code{font-size:.85em;overflow-wrap:anywhere}.good{color:#0a5c2b}.bad{color:#a40000;font-weight:bold}"
    "@media print{body{max-width:none;margin:0}tr{break-inside:avoid}}"
)


@click.command("report", epilog=example("isthmus ledger report onprem.html --env onprem --last 1000"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@click.option("--last", type=click.IntRange(1), default=1000, help="Crossings of the newest N entries.")
@home_option
@site_option
@json_option
def report(*, file: Path, env: str, last: int, home: Home, site: Site, as_json: bool) -> None:
    """Verify the record and write a page about it into FILE, a new one; exit 4 if it does not verify.

    The page is one file that a browser shows and prints without a network. It says what our code found; the
    export and the auditor's own tool say it without our code.
    """
    folder = open_folder(home, site, env)
    public = load_identity(folder).public
    found = verify_ledger(folder.ledger, public)
    try:
        entries = find_entries(folder.ledger, last=last)
        heads = all_witnessed(folder.ledger)
    except NotVerifiableError:
        entries, heads = [], []  # the page says that it does not verify, and why
    with new_file(file) as stream:
        made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        stream.write(page(env, found, entries, heads, key=public.key_id, made=made).encode())
    if as_json:
        emit_json({"environment": env, "file": str(file), **found.to_json()})
    else:
        click.echo(f"{file}: {'verified' if found.success else 'NOT VERIFIED'}, {found.entries} entries")
    if not found.success:
        raise click.exceptions.Exit(NotVerifiableError.exit_code)


def page(
    env: str, found: LedgerReport, entries: Sequence[Entry], heads: Sequence[Head], *, key: str, made: str
) -> str:
    """Return the page as HTML."""
    crossings: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.body.get("crossing"), str):
            crossings.setdefault(str(entry.body["crossing"]), []).append(entry)
    told = [explain(group) for group in crossings.values()]
    counts = Counter(str(one["rules"]["outcome"]) for one in told)
    first = entries[0].sequence if entries else 0
    parts = [
        f"<h1>Ledger of {escape(env)}</h1><p>Made {escape(made)}.</p>",
        _verdict(found),
        _table(
            ("", ""),
            [
                ("entries", str(found.entries)),
                ("last entry", f"{found.sequence}, {found.digest}"),
                ("signing key", key),
                (
                    "crossings here",
                    ", ".join(f"{count} {name}" for name, count in sorted(counts.items())),
                ),
            ],
        ),
        "<h2>Heads of peers that are kept here</h2>",
        _table(("peer", "entry", "digest"), [(h.environment, str(h.sequence), h.digest) for h in heads]),
        f"<h2>Crossings since entry {first}</h2>",
        _table(("when, entries", "who", "what", "why", "outcome, rules", "bytes", "answer"), map(_row, told)),
        "<h2>Other entries</h2>",
        _table(
            ("entry", "when", "what"),
            [(str(e.sequence), e.time, e.kind) for e in entries if "crossing" not in e.body],
        ),
    ]
    head = f'<meta charset="utf-8"><title>Ledger of {escape(env)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _verdict(found: LedgerReport) -> str:
    if found.success:
        return (
            '<p class="good">Verified: every entry is chained to the one before, and the signed head names '
            "the last. Whether peers saw another history, their heads and exports say.</p>"
        )
    rows = [(problem.id, str(problem.sequence), problem.message) for problem in found.problems]
    return '<p class="bad">NOT VERIFIED.</p>' + _table(("problem", "entry", "meaning"), rows)


def _row(told: dict[str, Any]) -> tuple[str, ...]:
    numbers = ", ".join(str(entry["sequence"]) for entry in told["entries"])
    answer, rules = told["answer"], told["rules"]
    return (
        f"{told['entries'][0]['time']}; {numbers}; {told['crossing']}",
        f"{told['who'].get('requester', 'not said')} {told['who'].get('request', '')}",
        f"{told['what'].get('name', 'not said')} {told['what'].get('source_version', '')}",
        f"{told['why']['purpose'] or 'not said'}: {told['source']} to {told['destination']}",
        " ".join([str(rules["outcome"]), *(f"[{rule['id']}]" for rule in rules["rules"])]),
        f"{told['bytes'].get('size', '')} {told['bytes'].get('manifest', '')}",
        "open" if answer is None else f"{answer.get('outcome', '')} {answer.get('receipt', '')}",
    )


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in rows]
    if not cells:
        return "<p>None.</p>"
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in names) if any(names) else ""
    lines = [titles, *cells] if titles else cells
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _cell(text: str) -> str:
    words = (f"<code>{escape(word)}</code>" if "sha256:" in word else escape(word) for word in text.split())
    return " ".join(words)

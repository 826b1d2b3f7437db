#!/usr/bin/env python3
# ruff: noqa: T201 - it prints what it found
"""Verify exports of Isthmus ledgers. One file; needs Python 3.9 and `cryptography`, and nothing of Isthmus.

    python verify_ledger.py onprem.jsonl cloud.jsonl --key onprem=sha256:… --key cloud=sha256:…

An export (`isthmus ledger export --env NAME`) is a file of JSON lines: a header with the public keys, every
entry as the bytes that were hashed, the signed heads, the heads that this environment keeps of its peers,
and an end. Checked is, for each file:

1. the chain: entry N holds sequence N and the SHA-256 of entry N - 1, from the first to the last;
2. the heads: each names the entry at its place and is signed (Ed25519) by a key of the environment; the
   newest names the last entry;
3. with more than one file: what each environment wrote down and kept of the other's heads is in the other's
   chain. A history that was rewritten after a peer saw it fails here.

The keys in a file are its own word. Name those that you were told (`--key NAME=sha256:…`, the SHA-256 of
the raw public key), or compare the ones printed. Exit code: 0 verified, 4 not, 2 wrong use.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ENTRY = {"body", "environment", "kind", "previous", "sequence", "time"}
MAX_PROBLEMS = 50
MAX_LINE = 16 * 1024 * 1024


def sha(data: bytes) -> str:
    """Return a digest as the ledgers write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a key that stands twice is refused."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def head_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return a line that is a head."""
    texts = (value["environment"], value["digest"], value["signature"])
    if type(value["sequence"]) is not int or not all(isinstance(text, str) for text in texts):
        raise ValueError("not a head")
    return value


class Ledger:
    """One export, read once from its beginning to its end."""

    def __init__(self, path: Path, told: dict[str, set[str]]) -> None:
        self.path, self.told, self.name = path, told, ""
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.keys: dict[str, Ed25519PublicKey] = {}
        self.chain = [sha(b"isthmus/1/ledger")]
        self.heads, self.newest = 0, 0
        self.kept: list[dict[str, Any]] = []
        self.said: list[tuple[int, str, int, str]] = []
        self.restored: list[tuple[int, int]] = []
        self.end: tuple[int, str] | None = None

    def problem(self, text: str) -> None:
        """Keep what is wrong; the first of it is enough."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)

    def read(self) -> None:
        """Read and check the file; what is wrong is kept, not raised."""
        with self.path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
                try:
                    self.line(self.parse(number, raw), raw[:-1])
                except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
                    self.problem(f"line {number} cannot be read: {error}")
        if self.end is None:
            self.problem("the export has no end: it was cut off")
        elif self.end != (len(self.chain) - 1, self.chain[-1]):
            self.problem(
                f"the end names {self.end[0]} entries up to {self.end[1]}; that is not what stands here"
            )
        last = len(self.chain) - 1
        if self.newest != last:
            self.problem(f"entry {last} is the last, and the newest signed head names {self.newest}")

    def parse(self, number: int, raw: bytes) -> dict[str, Any]:
        """Return one line as an object."""
        value = json.loads(raw, object_pairs_hook=once)
        if not raw.endswith(b"\n") or not isinstance(value, dict) or (number == 1) != ("keys" in value):
            raise ValueError("not a line that belongs here")
        if self.end is not None:
            raise ValueError("a line after the end")
        return value

    def line(self, value: dict[str, Any], raw: bytes) -> None:
        """Take one line for what it says that it is."""
        kind = value.get("isthmus")
        if kind is None:
            self.entry(value, raw)
        elif kind == "ledger-export" and value["version"] == 1:
            self.header(value)
        elif kind == "head":
            self.newest = max(self.newest, head_of(value)["sequence"])
            self.heads += 1
            self.check_head(value, self.name)
        elif kind == "witnessed":
            self.kept.append(head_of(value))
        elif kind == "end":
            self.end = (value["entries"], value["digest"])
        elif kind != "shown":
            raise ValueError("a kind of line that is not known here")

    def header(self, value: dict[str, Any]) -> None:
        """Take the keys; where some were named, no others."""
        self.name = value["environment"]
        for key in value["keys"]:
            public = base64.b64decode(key["public"], validate=True)
            if not self.told.get(self.name) or sha(public) in self.told[self.name]:
                self.keys[sha(public)] = Ed25519PublicKey.from_public_bytes(public)
        if not self.keys:
            self.problem("none of its keys is one that was named with --key")
        if not self.told.get(self.name):
            self.notes.append(
                "keys taken from the file itself; compare them: " + ", ".join(sorted(self.keys))
            )

    def entry(self, value: dict[str, Any], raw: bytes) -> None:
        """Check that an entry follows the one before."""
        number = len(self.chain)
        if set(value) != ENTRY or type(value["sequence"]) is not int:
            self.problem(f"entry {number}: not an entry")
        elif value["sequence"] != number or value["environment"] != self.name:
            self.problem(f"entry {number}: entry {value['sequence']} of {value['environment']} stands there")
        elif value["previous"] != self.chain[-1]:
            self.problem(f"entry {number}: the one before was changed, removed or exchanged")
        self.chain.append(sha(raw))
        body = value.get("body", {})
        for peer, head in (("source", "source_head"), ("destination", "peer_head")):
            if head in body:
                self.said.append((number, body[peer], body[head][0], body[head][1]))
        if value.get("kind") == "restored":
            self.restored.append((body["from"][0], number))

    def check_head(self, head: dict[str, Any], by: str) -> None:
        """Check a head of this ledger, its own or one that a peer kept."""
        number, digest = head["sequence"], head["digest"]
        covered = {"digest": digest, "environment": head["environment"], "sequence": number}
        text = json.dumps(covered, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        if head["environment"] != self.name or not self.signed(head, b"isthmus/1/ledger-head\n" + text):
            self.problem(f"the head of entry {number} (from {by}) is not signed by {self.name}")
        elif not self.has(number, digest):
            self.lost(number, f"the head that {by} has")

    def signed(self, head: dict[str, Any], covered: bytes) -> bool:
        """Whether one of the keys signed it."""
        for key in self.keys.values():
            try:
                key.verify(base64.b64decode(head["signature"], validate=True), covered)
            except (InvalidSignature, ValueError):
                continue
            return True
        return False

    def has(self, number: object, digest: object) -> bool:
        """Whether this is the entry at that place."""
        return isinstance(number, int) and 0 < number < len(self.chain) and self.chain[number] == digest

    def lost(self, number: int, who: str) -> None:
        """Tell that an entry which somebody saw is not there."""
        declared = [entry for since, entry in self.restored if since < number]
        if declared:
            self.notes.append(
                f"entry {number}, named by {who}, was lost in the restore that entry {declared[0]} declares"
            )
        else:
            self.problem(
                f"entry {number} is not the one that {who} names: history was rewritten, cut or forked"
            )


def cross(ledgers: list[Ledger]) -> None:
    """Hold what each kept and wrote down of the others against their chains."""
    for ledger in ledgers:
        for peer in ledgers:
            for head in peer.kept if peer is not ledger else ():
                if head["environment"] == ledger.name:
                    ledger.check_head(head, peer.name)
            for entry, about, number, digest in peer.said if peer is not ledger else ():
                if about == ledger.name and not ledger.has(number, digest):
                    ledger.lost(number, f"{peer.name}'s entry {entry}")


def main() -> int:
    """Read, hold against one another, and tell."""
    parser = argparse.ArgumentParser(description="Verify exports of Isthmus ledgers.")
    parser.add_argument("exports", nargs="+", metavar="FILE")
    parser.add_argument("--key", action="append", default=[], metavar="NAME=sha256:…")
    given = parser.parse_args()
    told: dict[str, set[str]] = {}
    for text in given.key:
        name, _, key = text.partition("=")
        if not key.startswith("sha256:"):
            parser.error(f"--key {text}: write NAME=sha256:…")
        told.setdefault(name, set()).add(key)
    ledgers = [Ledger(Path(path), told) for path in given.exports]
    for ledger in ledgers:
        try:
            ledger.read()
        except OSError as error:
            parser.error(f"{ledger.path}: {error.strerror}")
    if len({ledger.name for ledger in ledgers}) != len(ledgers):
        parser.error("two exports of one environment")
    cross(ledgers)
    for ledger in ledgers:
        state = "NOT VERIFIED" if ledger.problems else "verified"
        heads = sum(
            head["environment"] == ledger.name for peer in ledgers for head in peer.kept if peer is not ledger
        )
        print(
            f"{ledger.name or ledger.path}: {state}: {len(ledger.chain) - 1} entries, "
            f"{ledger.heads} signed heads, {heads} heads kept by peers; last entry {ledger.chain[-1]}"
        )
        for text in ledger.problems:
            print("  problem: " + text)
        for text in ledger.notes:
            print("  note: " + text)
    return 4 if any(ledger.problems for ledger in ledgers) else 0


if __name__ == "__main__":
    sys.exit(main())

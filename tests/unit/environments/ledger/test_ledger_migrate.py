"""The ledger of an older version, a file of lines, is taken over whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from data_contracts.digest import canonical, digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.encoding import encode
from environments.home import EnvironmentFolder
from environments.identity import Identity
from environments.ledger import Entry, Head, Ledger, verify_ledger, witness_head
from environments.ledger.database import DATABASE
from environments.ledger.entry import GENESIS, head_payload
from environments.private import make_private, write_private

Change = Callable[[list[bytes]], list[bytes]]
TIME = "2026-11-23T20:02:49.707+00:00"


@pytest.fixture
def lines(folder: EnvironmentFolder, identity: Identity) -> list[bytes]:
    made, previous, head = [], GENESIS, None
    for number in range(1, 8):
        kind = "egress" if number % 3 == 0 else "note"
        payload = Entry(number, "onprem", kind, TIME, previous, {"number": number}).payload()
        previous = digest_bytes(payload)
        head = Head("onprem", number, previous, identity.sign(head_payload("onprem", number, previous)))
        made.append(payload + b"\t" + encode(head.signature).encode() + b"\n")
    assert head is not None
    make_private(folder.ledger)
    write_private(folder.ledger / "entries.log", b"".join(made))
    write_private(folder.ledger / "head.json", canonical(head.to_json()))
    return made


def test_it_is_taken_over(
    folder: EnvironmentFolder, identity: Identity, lines: list[bytes], witness: EnvironmentFolder
) -> None:
    ledger = Ledger(folder.ledger, identity)
    assert ledger.append("note", {}).sequence == 8
    assert [entry.payload() for entry in ledger.entries()][:7] == [line.partition(b"\t")[0] for line in lines]
    assert verify_ledger(folder.ledger, identity.public).entries == 8
    witness_head(witness.ledger, identity.public, ledger.show("cloud"))
    aside = folder.ledger / "lines"
    assert (aside / "entries.log").read_bytes() == b"".join(lines)
    assert not (folder.ledger / "entries.log").exists()


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("use", ["entries", "head", "find", "verify"])
def test_every_use_takes_it_over(folder: EnvironmentFolder, identity: Identity, use: str) -> None:
    ledger = Ledger(folder.ledger, identity)
    if use == "entries":
        assert len(list(ledger.entries())) == 7
    elif use == "head":
        head = ledger.head()
        assert head is not None
        head.verify(identity.public)
    elif use == "find":
        found = ledger.find("egress")
        assert found is not None
        assert found.sequence == 6
    assert verify_ledger(folder.ledger, identity.public).entries == 7


def test_a_torn_line_is_left_out(folder: EnvironmentFolder, identity: Identity, lines: list[bytes]) -> None:
    write_private(folder.ledger / "entries.log", b"".join(lines) + b'{"body":{"half')
    assert Ledger(folder.ledger, identity).append("note", {}).sequence == 8


def test_killed_before_the_old_file_was_put_aside(
    folder: EnvironmentFolder, identity: Identity, lines: list[bytes]
) -> None:
    ledger = Ledger(folder.ledger, identity)
    assert len(list(ledger.entries())) == 7
    (folder.ledger / "lines" / "entries.log").rename(folder.ledger / "entries.log")
    assert ledger.append("note", {}).sequence == 8
    assert verify_ledger(folder.ledger, identity.public).success
    write_private(folder.ledger / "entries.log", b"".join(lines[:2]))
    write_private(folder.ledger / "head.json", (folder.ledger / "lines" / "head.json").read_bytes())
    with pytest.raises(NotVerifiableError, match="head names entry 7"):
        ledger.append("note", {})


@pytest.mark.parametrize(
    "change",
    [
        lambda ls: [*ls[:2], ls[2].replace(b'"number":3', b'"number":9'), *ls[3:]],
        lambda ls: [*ls[:6], ls[6].replace(b'"number":7', b'"number":9')],
        lambda ls: [*ls[:2], *ls[3:]],
        lambda ls: ls[:5],
        lambda ls: [ls[0], b"{}\t\n", *ls[1:]],
        lambda ls: [line.replace(b'"onprem"', b'"cloud"') for line in ls],
        lambda ls: [*ls[:6], ls[6].partition(b"\t")[0] + b"\t" + b"A" * 86 + b"==\n"],
        lambda _: [],
        lambda ls: [*ls, b" " * (1024 * 1024 + 2)],
    ],
    ids=["altered", "last altered", "removed", "cut", "added", "another's", "unsigned", "emptied", "endless"],
)
def test_what_does_not_verify_is_left_as_it_is(
    folder: EnvironmentFolder, identity: Identity, lines: list[bytes], change: Change
) -> None:
    changed = b"".join(change(lines))
    write_private(folder.ledger / "entries.log", changed)
    ledger = Ledger(folder.ledger, identity)
    for use in (lambda: ledger.append("note", {}), ledger.head):
        with pytest.raises(NotVerifiableError):
            use()
    assert [problem.id for problem in verify_ledger(folder.ledger, identity.public).problems] == [
        "unreadable"
    ]
    assert (folder.ledger / "entries.log").read_bytes() == changed
    (folder.ledger / "entries.log").unlink()
    assert Ledger(folder.ledger, identity).head() is None
    assert (folder.ledger / DATABASE).exists()

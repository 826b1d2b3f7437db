"""`asset status`: what the source's own ledger says of each destination, and the index under it."""

from __future__ import annotations

import datetime as dt
import shutil
from functools import partial
from pathlib import Path

import pytest
from boundary_world import TO_CLOUD, World, rows, visits

from data_contracts.errors import UnreachableError
from environments.boundary import egress, ingress, settle
from environments.consistency import Row, Source, shares_of, status_of
from environments.consistency.rows import Answer
from environments.stores import AssetRecord, LocalStore, SetMember
from environments.transit.answers import answer_lies


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    terms = [TO_CLOUD, {**TO_CLOUD, "to": "edge"}]
    for name in made.documents:
        made.documents[name] = [visits(*terms)]
    return made


def send(world: World, record: AssetRecord, to: str = "cloud", request: str = "run-1/sync-1") -> str:
    return egress(world.env("onprem"), world.request(record, destination=to, request_id=request)).crossing


def cross(world: World, record: AssetRecord, to: str = "cloud", request: str = "run-1/sync-1") -> str:
    crossing = send(world, record, to, request)
    ingress(world.env(to), "onprem", crossing)
    settle(world.env("onprem"), to, crossing)
    return crossing


def every(world: World) -> list[Row]:
    env = world.env("onprem")

    def look(destination: str, crossing: str) -> Answer:
        return Answer(*answer_lies(partial(env.outgoing, destination), crossing))

    source = Source(env.folder, env.store, env.peers, look, env.clock)
    return list(status_of(source))


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_shares_are_the_rows_one_after_another(
    world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    for number in range(7):
        world.add(rows(30 + number), name=f"visits_{number}")
    cross(world, world.env("onprem").store.record("visits_3"))
    env = world.env("onprem")
    source = Source(env.folder, env.store, env.peers, lambda *_: Answer(lies=False), env.clock)
    assert [share.names for share in shares_of(source, most)] == [
        list(env.store.names())
    ]  # too few to be shared
    monkeypatch.setattr("environments.consistency.status._WORTH_IT", 1)
    shares = shares_of(source, most)
    assert len(shares) == {1: 1, 2: 2, 3: 3, 50: 7}[most]
    assert [name for share in shares for name in share.names] == list(env.store.names())
    told = [list(share.rows) for share in shares]
    assert [{row.asset for row in some} for some in told] == [set(share.names) for share in shares]
    assert [row for some in told for row in some] == list(status_of(source))


def found(world: World, to: str = "cloud", name: str = "visits") -> Row:
    [row] = [row for row in every(world) if (row.asset, row.destination) == (name, to)]
    return row


def test_a_version_goes_from_never_sent_to_current_and_falls_behind(world: World) -> None:
    first = world.add(rows(30))
    assert (found(world).state, found(world).behind, found(world).there) == ("never-sent", 1, "")
    crossing = send(world, first)
    assert (found(world).state, found(world).crossing) == ("in-flight", crossing)
    arrived = ingress(world.env("cloud"), "onprem", crossing)
    assert found(world).state == "unsettled"
    settle(world.env("onprem"), "cloud", crossing)
    row = found(world)
    assert (row.state, row.behind, row.there, row.arrived) == ("current", 0, first.version, arrived.version)
    second = world.add(rows(31))
    world.add(rows(32))
    world.now += dt.timedelta(days=2000)
    row = found(world)
    assert (row.state, row.behind, row.there, row.since) == ("waiting", 2, first.version, second.created)
    since = dt.datetime.fromisoformat(second.created)
    assert row.seconds == int((world.now - since).total_seconds())


def test_each_destination_stands_for_itself(world: World) -> None:
    record = world.add(rows(30))
    cross(world, record, "edge")
    assert (found(world, "edge").state, found(world, "cloud").state) == ("current", "never-sent")


def test_what_was_refused_says_by_which_rules(world: World) -> None:
    broken = world.add(rows(30).set_column(2, "age", [[500] * 30]))
    send(world, broken)
    row = found(world)
    assert row.state == "broken"
    assert [(rule["id"], rule["unexpected_count"]) for rule in row.rules] == [("age.maximum", 30)]
    egress(world.env("onprem"), world.request(broken, purpose="marketing"))
    row = found(world)
    assert (row.state, bool(row.rules)) == ("denied", True)
    world.add(rows(40))
    assert (found(world).state, found(world).note) == ("waiting", "the last answer was denied")


def test_a_destination_without_terms_is_not_behind(world: World) -> None:
    world.documents["onprem"] = [visits()]
    world.add(rows(30))
    assert (found(world, "edge").state, found(world, "edge").behind) == ("no-terms", 0)


def test_the_receipt_counts_that_the_destination_wrote_down_last(world: World) -> None:
    first, second = world.add(rows(30)), world.add(rows(31))
    sent = [send(world, first, request="a"), send(world, second, request="b")]
    for crossing in sent:
        ingress(world.env("cloud"), "onprem", crossing)
    for crossing in reversed(sent):  # the receipts come home in the other order
        settle(world.env("onprem"), "cloud", crossing)
    assert (found(world).there, found(world).state) == (second.version, "current")


def test_the_answer_is_there_while_the_peer_is_not(world: World) -> None:
    cross(world, world.add(rows(30)))
    shutil.rmtree(world.folder("cloud").root)
    assert found(world).state == "current"


def test_a_damaged_record_is_told_and_hides_no_other_asset(world: World) -> None:
    record, other = world.add(rows(30)), world.add(rows(31), name="other")
    cross(world, other)
    [path] = (world.folder("onprem").store / "assets" / record.name).glob("*/record.json")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"visits", b"visitz"))
    assert (found(world).state, found(world).behind) == ("damaged", None)
    assert found(world, name="other").state == "current"


def test_followed_step_by_step_or_all_at_once_it_says_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.ledger.database.PAGE", 2)
    records = [world.add(rows(30 + number)) for number in range(3)]
    every(world)
    cross(world, records[0])
    every(world)
    send(world, records[1], request="b")
    cross(world, records[2], "edge", request="c")
    step_by_step = every(world)
    shutil.rmtree(world.folder("onprem").root / "index")
    assert every(world) == step_by_step
    assert {row.state for row in step_by_step} == {"in-flight", "current"}


def test_another_ledger_in_its_place_is_followed_from_its_first_entry(world: World) -> None:
    first, second = world.add(rows(30)), world.add(rows(31))
    cross(world, first)
    ledger = world.folder("onprem").ledger
    shutil.copytree(ledger, world.root / "kept")
    cross(world, second, request="b")
    assert found(world).there == second.version
    shutil.rmtree(ledger)
    shutil.copytree(world.root / "kept", ledger)
    assert found(world).there == first.version


def test_an_index_that_is_none_is_made_anew(world: World) -> None:
    cross(world, world.add(rows(30)))
    assert found(world).state == "current"
    index = world.folder("onprem").root / "index" / "standings.db"
    index.write_bytes(b"no database at all" * 100)
    assert found(world).state == "current"


def test_an_index_without_a_disk_to_write_on_is_kept_in_memory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cross(world, world.add(rows(30)))

    def refuse(_path: Path) -> Path:
        raise UnreachableError("no disk to write on")

    monkeypatch.setattr("environments.ledger.index.make_private", refuse)
    assert found(world).state == "current"
    assert not (world.folder("onprem").root / "index").exists()


def test_marks_see_each_commit(world: World) -> None:
    world.add(rows(30))
    store = LocalStore(world.folder("onprem").store)
    before = store.changes()
    world.add(rows(31))
    assert store.changes()["visits"] != before["visits"]


def test_a_set_in_the_making_is_looked_at_again(world: World) -> None:
    record = world.add(rows(30))
    store = LocalStore(world.folder("onprem").store)
    contract = world.contract()
    with store.begin_set([record.name, "other"]) as draft:
        for name in draft.names:
            (draft.path(name) / "part-00000.parquet").write_bytes(name.encode())
        assert found(world).latest == record.version
        draft.commit({name: SetMember(contract, contract.labels) for name in draft.names})
    assert found(world).latest == store.record(record.name).version != record.version

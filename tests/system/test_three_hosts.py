"""Three hosts and a server on a fourth: both pipelines run while the wires between them are cut and healed.

One seed of the weather here; `make hosts` runs others.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import netns
from netns_hosts import API_PORT, ENVIRONMENTS, SFTP_PORT, machines, why_not

if why_not():
    pytest.skip(why_not(), allow_module_level=True)

from netns_checks import IN_THE_DARK, OUTCOMES, came, complaints, crossings, one_version_each
from netns_story import ALARMS, CLEAR_PORT, Story, plant, play
from netns_weather import MOSTLY_DOWN, turns

SEED = 1
pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("three-hosts"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with machines() as made:
        plant(made)
        yield play(made, SEED)


def test_the_wires_were_cut_in_both_ways_and_the_hall_was_mostly_away(story: Story) -> None:
    ways = Counter((name, how) for _, name, how in story.weather)
    assert {how for _, how in ways} == {"whole", *netns.KINDS}
    assert {name for name, _ in ways} >= {"edge", "hub-onprem"}
    assert story.share_down > 0.5


def test_both_pipelines_complete_when_they_are_asked_for_once(story: Story) -> None:
    assert {name: [run["state"] for run in runs] for name, runs in story.runs.items()} == {
        "hospital": ["Completed"],
        "factory": ["Completed"],
    }


def test_each_crossing_ends_in_one_version_or_none(story: Story) -> None:
    found = crossings(story)
    outcomes = Counter(each.outcome for each in found.values())
    assert outcomes == OUTCOMES
    assert one_version_each(story) == []


def test_every_ledger_verifies(story: Story) -> None:
    assert story.verified == dict.fromkeys(ENVIRONMENTS, True)


def test_alarms_queued_while_nothing_reached_the_hall_came_home_in_their_order(story: Story) -> None:
    assert [one["state"] for one in story.outbox] == ["arrived"] * 3
    # First the one that the pipeline queued, then the two that were queued by hand.
    assert came(story, ALARMS)[1:] == [one["request"] for one in story.queued]
    assert len(story.queued) == 2


def test_status_and_down_answer_at_the_hall_while_its_wires_swallow_everything(story: Story) -> None:
    # The worker and the gate say so a little later: they have heard of the server lately.
    assert story.dark["server"] == "failing"
    assert story.dark["dask@edge"] == story.dark["pump@edge"] == "ok"
    # Beside two cores that others use, too: alone both take a few seconds.
    assert [story.seconds[what] < 60 for what in IN_THE_DARK] == [True, True]


def test_nothing_goes_on_once_the_wires_are_whole(story: Story) -> None:
    assert set(story.states) <= {"COMPLETED", "FAILED"}
    assert story.left == []


def test_the_wires_carried_no_value_and_only_what_is_sealed(story: Story) -> None:
    assert story.capture is not None
    assert story.capture.segments > 1000
    assert story.capture.dropped == 0
    # The search sees what a wire carries: the one mark that the test sent in the clear, and nothing else.
    assert story.found["wires"].leaks
    assert all(f"-{CLEAR_PORT} " in leak for leak in story.found["wires"].leaks), story.found["wires"]
    assert story.ports == {API_PORT, SFTP_PORT, CLEAR_PORT}


@pytest.mark.parametrize("place", ["API", "database", *ENVIRONMENTS])
def test_nobody_holds_a_value_that_is_anothers(story: Story, place: str) -> None:
    assert story.found[place].things > 0
    assert story.found[place].leaks == ()


def test_nothing_else_is_wrong(story: Story) -> None:
    assert complaints(story) == []


def test_a_seed_gives_the_same_weather() -> None:
    def drawn(seed: int, group: str = "edge") -> list[tuple[float, netns.Kind | None]]:
        return list(islice(turns(seed, group, MOSTLY_DOWN), 50))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert drawn(1) != drawn(1, "hub-cloud")
    assert {how for _, how in drawn(1)} == {None, *netns.KINDS}


def test_what_a_killed_run_left_is_swept() -> None:
    code = (
        "import subprocess, sys\nsys.path.insert(0, sys.argv[1])\nimport netns\n"
        "with netns.network(('a', 'b')) as net:\n"
        "    subprocess.Popen([*net.under('a'), 'sleep', '300'])\n"
        "    print(net.tag, flush=True)\n    sys.stdin.read()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    tag = running.stdout.readline().strip()
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    assert {path.name for path in netns.MOUNTED.glob(f"{tag}*")} == {f"{tag}a", f"{tag}b"}
    netns.sweep()
    assert not list(netns.MOUNTED.glob(f"{tag}*"))

"""Taking a run over a link that loses answers: it is ours, or nobody's, or somebody stopped it."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from data_contracts.errors import UnreachableError
from environments.workpools.control import MissingError, Report
from environments.workpools.taking import take

RUN = uuid.UUID(int=7)


class Plane:
    """A server behind a link: each question is answered, lost before it arrives, or lost on the way back."""

    def __init__(self, *links: str, state: str = "SCHEDULED") -> None:
        self.links, self.state, self.asked = list(links), state, 0

    async def propose(self, _run: uuid.UUID, kind: str, *, name: str = "", message: str = "") -> bool:
        assert (kind, name, message) == ("PENDING", "", "")
        taken = False
        link = self._next()
        if link != "lost":
            taken = self.state == "SCHEDULED"  # the server refuses pending after pending
            self.state = "PENDING" if taken else self.state
        if link != "up":
            raise UnreachableError("the Prefect server: away")
        return taken

    async def report(self, _run: uuid.UUID) -> Report:
        if self._next() != "up":
            raise UnreachableError("the Prefect server: away")
        if self.state == "GONE":
            raise MissingError("the server knows no such thing")
        return Report(self.state, self.state.capitalize())

    def _next(self) -> str:
        self.asked += 1
        return self.links.pop(0) if self.links else "up"


def taken(plane: Plane) -> str:
    return asyncio.run(asyncio.wait_for(take(plane, RUN, first=0.001), 10))


@pytest.mark.parametrize(
    ("links", "asked"),
    [
        ((), 1),
        (("lost", "lost"), 3),
        (("answer lost",), 3),
        (("answer lost", "up", "lost"), 5),
        (("lost", "answer lost", "lost", "lost"), 6),
    ],
)
def test_a_run_that_nobody_stopped_is_ours_whatever_is_lost(links: tuple[str, ...], asked: int) -> None:
    plane = Plane(*links)
    assert taken(plane) == "ours"
    assert (plane.state, plane.asked) == ("PENDING", asked)


def test_a_run_that_was_taken_before_we_asked_is_not_ours() -> None:
    assert taken(Plane(state="PENDING")) == "not-ours"
    assert taken(Plane(state="RUNNING")) == "not-ours"


def test_a_run_that_was_stopped_while_the_answer_was_lost_has_to_be_ended() -> None:
    plane = Plane("answer lost", "lost")

    async def stopped_meanwhile() -> str:
        asking = asyncio.create_task(take(plane, RUN, first=0.02))
        await asyncio.sleep(0.01)
        plane.state = "CANCELLING"
        return await asyncio.wait_for(asking, 10)

    assert asyncio.run(stopped_meanwhile()) == "stopped"


def test_a_run_that_was_deleted_meanwhile_is_nobodys() -> None:
    assert taken(Plane("lost", state="GONE")) == "not-ours"


def test_it_can_be_given_up_at_any_moment() -> None:
    plane = Plane(*["lost"] * 1000)

    async def given_up() -> None:
        asking = asyncio.create_task(take(plane, RUN, first=0.001))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(given_up())
    assert plane.asked < 20, "less and less often"

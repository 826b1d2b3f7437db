"""One arm of the proof: a real system with some guards on or off, a story, and the search afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import searching
from capture import Capture, captured
from leaking import copying
from planting import BANK, FACTORY, HOME, HOSPITAL, Planted, leaky_site
from prefect_view import api_of
from searching import Found, marks_but_of
from sentinels import api_texts, database_texts

from environments.apigate.address import read_gate
from environments.embedded.launch import ENTRY, launch
from environments.embedded.takedown import take_down
from environments.home import Home
from environments.site import Site

ISTHMUS = Path(sys.executable).with_name("isthmus")
UNGUARDED = Path(__file__).with_name("unguarded.py")
WORLDS = {"hospital": HOSPITAL, "bank": BANK, "factory": FACTORY}
BEFORE = {
    "gate": ("telling", "shouting"),
    "wrapper": ("shouting",),
    "obligation": ("sync",),
    "proof": ("sync",),
    "sealing": ("sync",),
    "tls": ("bringing",),
    "folder": ("shouting",),
}
"""What is run where a guard is off: what it stands before."""
_PATIENCE_S = 500


@dataclass
class Arm:
    """What became of one arm.

    Attributes:
        off: the guards that were off.
        found: what the search found, place by place.
        ended: the commands that were run, and their exit codes.
        segments: TCP segments that were seen; None where this process may not look.
        dropped: packets that were lost to the search.
        withheld: texts that the API gates withheld, told by their incidents.
    """

    off: tuple[str, ...]
    found: list[Found] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    segments: int | None = None
    dropped: int = 0
    withheld: int = 0

    def leaks(self, place: str) -> tuple[str, ...]:
        """Return what was found in one place."""
        return next(found.leaks for found in self.found if found.place == place)


@dataclass
class Stage:
    """A running system, and what it was told to do."""

    root: Path
    home: Home
    arm: Arm
    output: list[tuple[str, str]] = field(default_factory=list)

    def isthmus(self, *words: str, typed: bool = False) -> None:
        """Run one command; keep its exit code, and what it printed unless that is only what was typed."""
        command = [str(ISTHMUS), *words, "--home", str(self.home.root)]
        environment = {**os.environ, "ISTHMUS_SITE": str(self.root / "site")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S, env=environment
        )
        said = " ".join(word.replace(str(self.root), "…") for word in words)
        self.arm.ended[said] = done.returncode
        if not typed:
            self.output.append((said, done.stdout + done.stderr))
        if os.environ.get("ISTHMUS_PROVE_SHOW"):
            sys.stderr.write(f"{said}: exit {done.returncode}\n{done.stdout}{done.stderr}\n")

    def add(self, planted: Planted, *, sound: bool = False) -> None:
        """Plant one file and bring it in."""
        path = self.root / "planted" / Path(planted.file).name
        path.parent.mkdir(exist_ok=True)
        planted.write(path, sound=sound)
        contract = f"{planted.file.partition('/')[0]}.{planted.contract}"
        named = ("--env", planted.environment, "--name", planted.name, "--contract", contract)
        self.isthmus("asset", "add", str(path), *named)

    def run(self, pipeline: str) -> None:
        """Run one pipeline to its end."""
        self.isthmus("run", pipeline, "--watch")


@contextmanager
def looking(root: Path, arm: Arm) -> Iterator[Capture | None]:
    """Capture the loopback, where that is permitted."""
    with ExitStack() as stack:
        try:
            seen = stack.enter_context(captured(root / "packets"))
        except PermissionError:
            yield None
            return
        yield seen
    arm.segments, arm.dropped = seen.segments, seen.dropped


def whole(stage: Stage) -> None:
    """Run everything that ships, and every way to fail."""
    for pipeline, files in WORLDS.items():
        for planted in files:
            stage.add(planted)
        stage.run(pipeline)
    for name in ("shouting", "crashing", "raising", "dying", "bringing", "telling"):
        stage.run(name)
    stage.isthmus("sync", "covid_tests", "--from", "onprem", "--to", "cloud", "--purpose", "model-training")
    mark = HOME.word
    stage.isthmus("run", "hospital", "--param", f"tests={mark} is 47", typed=True)
    stage.isthmus("sync", "covid_tests", "--from", "onprem", "--to", mark, "--purpose", mark, typed=True)
    stage.isthmus("sync", "covid_tests", "--from", "onprem", "--to", "cloud", "--purpose", mark, typed=True)
    for words in (("status",), ("doctor",), ("plan", "hospital"), ("deploy",), ("asset", "status")):
        stage.isthmus(*words)


def short(stage: Stage) -> None:
    """Run what the guards that are off stand before: a step that shouts, tells or brings, or a crossing."""
    stage.add(HOSPITAL[0], sound=True)
    for name in dict.fromkeys(name for guard in stage.arm.off for name in BEFORE[guard]):
        if name == "sync":
            named = ("--from", "onprem", "--to", "cloud", "--purpose", "model-training")
            stage.isthmus("sync", "covid_tests", *named)
        else:
            stage.run(name)


def play(*off: str) -> Arm:
    """Start a system with some guards off, play, take it down, and search; everything is gone at the end."""
    arm = Arm(off)
    root = Path(tempfile.mkdtemp(prefix="isp-"))
    home = Home(root / "home").create()
    shared = root / "everybodys"
    shared.mkdir()
    (shared / "something").write_text("so that the place is not empty")
    os.environ |= {"ISTHMUS_UNSAFE_OFF": " ".join(off), "ISTHMUS_UNSAFE_SHARED": str(shared)}
    before = os.environ.get("TMPDIR")
    stage = Stage(root, home, arm)
    try:
        site = Site.load(leaky_site(root / "site"))
        os.environ["TMPDIR"] = str(shared)
        with looking(root, arm):
            launch(home, site, None, lambda _: None, entry=[str(UNGUARDED)] if off else ENTRY)
            try:
                with copying(home.root / "transit", root / "transits"):
                    (short if off else whole)(stage)
                with api_of(home.root) as client:
                    told = list(api_texts(client))
                password = (home.secrets / "database").read_text(encoding="utf-8").strip()
                rows = asyncio.run(database_texts(home.system / "postgresql", password))
                gates = {} if "gate" in off else {name: gate_port(home, name) for name in ("onprem", "edge")}
            finally:
                take_down(home)
        for name, port in gates.items():
            set_apart(root / "packets", port, root / f"gate-{name}")
        search(stage, told, rows)
    finally:
        if before is None:
            os.environ.pop("TMPDIR")
        else:
            os.environ["TMPDIR"] = before
        shutil.rmtree(root, ignore_errors=True)
    return arm


def gate_port(home: Home, name: str) -> str:
    """Return the port of an environment's own API gate."""
    return read_gate(home.environment(name)).url.rpartition(":")[2].partition("/")[0]


def set_apart(packets: Path, port: str, target: Path) -> None:
    """Move what an environment's processes and its own gate said to each other: it is inside."""
    target.mkdir()
    for path in packets.glob("*"):
        if port in path.name.split("-")[1:]:
            path.rename(target / path.name)


def search(stage: Stage, told: list[tuple[str, str]], rows: list[tuple[str, str]]) -> None:
    """Look for every mark wherever another environment or the server can read."""
    root, home, every = stage.root, stage.home, marks_but_of()
    found = stage.arm.found
    found.append(searching.texts("answers of the server's API", told, every))
    found.append(searching.texts("rows of the server's database", rows, every))
    found.append(
        searching.files("PostgreSQL's files and write-ahead log", [home.system / "postgresql"], every)
    )
    logs = [home.system / "logs", home.secrets]
    found.append(searching.files("the system's own logs and files", logs, every))
    found.append(searching.files("transits, as they went by", [root / "transits"], every))
    for name in ("onprem", "cloud", "edge"):
        folder = home.environment(name).root
        found.append(searching.files(f"everything of {name}", [folder], marks_but_of(name)))
    found.append(
        searching.files("temporary files that are not an environment's", [root / "everybodys"], every)
    )
    found.append(searching.texts("what the commands printed", stage.output, every))
    if stage.arm.segments is not None:
        found.append(searching.files("packets on the loopback", [root / "packets"], every))
        for path in sorted(root.glob("gate-*")):
            name = path.name.removeprefix("gate-")
            found.append(
                searching.files(f"packets between {name} and its own gate", [path], marks_but_of(name))
            )
    incidents = home.environment("onprem").incidents
    stage.arm.withheld = sum(b"kept by" in path.read_bytes() for path in incidents.glob("*.json"))
    own = searching.files("control: onprem's own values at home", [home.environment("onprem").root], every)
    assert own.leaks, "the search finds nothing where everything is"

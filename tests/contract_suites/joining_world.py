"""Homes that invite and join one another, without a server: what the commands of `isthmus env` do.

The homes' folders are opened by forked children, and a fork needs one thread, which a test runner has not: so
everything is done by one process of its own, which this file also is. It takes one JSON line for each wish.

```python
with JoiningWorld(tmp_path) as world:
    host = world.host("a")
    invitation = world.invite(host, "cloud")
    answer = world.join("b", invitation)
    admission = world.admit(host, answer, answer.fingerprint)
```
"""

from __future__ import annotations

import datetime as dt
import json
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SECRET = "the-credential-of-the-api"
API = "https://isthmus.example.org/api"
RIGHT = "right"
"""In place of a fingerprint: the one of the file, as somebody says who does not look."""


class Refused(Exception):  # noqa: N818 - what a command answered
    """What was refused, and how."""

    def __init__(self, kind: str, reason: str, code: int, text: str) -> None:
        super().__init__(text)
        self.kind, self.reason, self.code = kind, reason, code


@dataclass(frozen=True)
class File:
    """A file that travels, with the fingerprint that its maker reads."""

    path: Path
    fingerprint: str = ""

    @property
    def raw(self) -> bytes:
        return self.path.read_bytes()

    def changed(self, raw: bytes) -> File:
        """Return another file beside this one, as somebody on its way would leave it."""
        path = self.path.with_name(f"{self.path.name}.changed")
        path.write_bytes(raw)
        return File(path, self.fingerprint)


class JoiningWorld:
    """Homes below one folder, and the process that works in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.communicate(timeout=60)

    def ask(self, what: str, home: str, **more: Any) -> Any:
        """Have one thing done in a home; raises Refused where it was."""
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        wish = {"what": what, "home": str(self.folder / home)} | more
        self._child.stdin.write(json.dumps(wish, default=str) + "\n")
        self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline())
        if "refused" in answer:
            raise Refused(**answer["refused"])
        return answer["done"]

    def killed(self, after: float, what: str, home: str, **more: Any) -> bool:
        """Begin one thing, and be killed (SIGKILL) so many seconds later; say whether it was in the middle.

        The process that worked is another one afterwards.
        """
        self.ask("warm", home)
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        wish = {"what": what, "home": str(self.folder / home)} | more
        self._child.stdin.write(json.dumps(wish, default=str) + "\n")
        self._child.stdin.flush()
        done = bool(select.select([self._child.stdout], [], [], after)[0])
        self._child.kill()
        self._child.communicate(timeout=60)
        self.__enter__()
        return not done

    def _fresh(self, what: str) -> Path:
        self._count += 1
        return self.folder / f"{self._count:03}.{what}"

    def home(self, name: str) -> Path:
        return self.folder / name

    def host(self, home: str, *names: str) -> str:
        """Make a home that issues trust documents, of these environments (`onprem`)."""
        self.ask("host", home, names=list(names or ("onprem",)))
        return home

    def invite(self, home: str, name: str, **more: Any) -> File:
        path = self._fresh(f"{name}.invitation")
        self.ask("invite", home, name=name, file=path, **more)
        return File(path)

    def join(self, home: str, invitation: File, **more: Any) -> File:
        path = self._fresh(f"{home}.answer")
        fingerprint = self.ask("join", home, file=invitation.path, to=path, **more)
        return File(path, fingerprint)

    def admit(self, home: str, answer: File, fingerprint: str, **more: Any) -> File:
        path = self._fresh("admission")
        self.ask("admit", home, file=answer.path, to=path, fingerprint=fingerprint, **more)
        return File(path, fingerprint)

    def complete(self, home: str, admission: File, fingerprint: str, **more: Any) -> Any:
        return self.ask("complete", home, file=admission.path, fingerprint=fingerprint, **more)

    def joined(self, host: str, home: str, name: str) -> File:
        """Have a home join as an environment, all the way; return the admission."""
        answer = self.join(home, self.invite(host, name))
        admission = self.admit(host, answer, answer.fingerprint)
        self.complete(home, admission, answer.fingerprint)
        return admission

    def rotate(self, home: str, name: str, **more: Any) -> File:
        """Ask for new keys in a home that joined."""
        path = self._fresh(f"{home}.renewal")
        return File(path, self.ask("rotate", home, name=name, file=path, **more))

    def files(self, *homes: str) -> dict[str, bytes]:
        """Return every file of these homes but locks, which hold the last holder's process id."""
        return {
            str(path): path.read_bytes()
            for home in homes
            for path in sorted(self.home(home).rglob("*"))
            if path.is_file() and path.name not in (".lock", "ledger.lock")
        }


def _now(wish: dict[str, Any]) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=wish.get("later", 0))


def _confirm(given: str) -> Any:
    from flows.cli.env_confirm import confirming

    def right(_answer: object) -> None:
        """Say yes, whatever is shown."""

    return right if given == RIGHT else confirming(given or None, as_json=True)


def _host(home: Any, wish: dict[str, Any]) -> None:
    from environments.embedded.prepare import issue_trust, make_environment, meet_peers
    from environments.embedded.settings import load_settings, remember_port
    from environments.members import keep_only
    from environments.private import write_private
    from environments.site import Site

    home.create()
    settings = load_settings(home, create=True)
    assert settings is not None
    remember_port(home, settings, 4200)
    write_private(home.secrets / "api", SECRET.encode())
    keep_only(home, wish["names"], Site.load().profiles)
    identities = {name: make_environment(home.environment(name)) for name in wish["names"]}
    document = issue_trust(home, identities)
    for name in wish["names"]:
        meet_peers(home.environment(name), identities, document)


def _invite(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded import inviting
    from environments.site import Site

    lasts = dt.timedelta(seconds=wish.get("lasts", 3600))
    asked = inviting.Wish(wish["name"], wish.get("api", API), lasts, wish.get("by"))
    made = inviting.invite(
        home, Site.load(wish.get("site")), asked, _now(wish), Path(wish["file"]).write_bytes
    )
    return made.nonce


def _join(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded import joinwork
    from environments.joining import spoken
    from environments.site import Site

    made = joinwork.join(home, Site.load(wish.get("site")), Path(wish["file"]).read_bytes(), _now(wish))
    Path(wish["to"]).write_bytes(made.raw)
    return spoken(made.answer.digest)


def _admit(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded import inviting

    raw = Path(wish["file"]).read_bytes()
    done = inviting.admit(home, raw, _now(wish), _confirm(wish["fingerprint"]))
    proposal = done.spread.proposal if done.spread is not None else None
    Path(wish["to"]).write_bytes(done.raw or proposal or b"")
    return done.version if done.raw else "proposal"


def _complete(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded import joinwork

    raw = Path(wish["file"]).read_bytes()
    done = joinwork.complete(home, raw, _now(wish), _confirm(wish["fingerprint"]))
    return [done.name, done.version, done.api]


def _withdraw(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded import inviting

    return inviting.withdraw(home, wish["name"]).state


def _list(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded.whereabouts import whereabouts
    from environments.site import Site

    return {one.name: one.state for one in whereabouts(home, Site.load(wish.get("site")), _now(wish))}


def _update(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded import trustwork

    return trustwork.take(home, Path(wish["file"]).read_bytes(), now=_now(wish)).version


def _newest(home: Any, _wish: dict[str, Any]) -> Any:
    from environments.embedded import trustwork

    return trustwork.newest_here(home).raw.decode()


def _rotate(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded.renewing import ask_renewal
    from environments.joining import spoken

    raw, renewal = ask_renewal(home, wish["name"], _now(wish))
    Path(wish["file"]).write_bytes(raw)
    return spoken(renewal.digest)


def _renew(home: Any, wish: dict[str, Any]) -> Any:
    from environments.embedded.renewing import take_renewal

    raw = Path(wish["file"]).read_bytes()
    return take_renewal(home, raw, _now(wish), _confirm(wish["fingerprint"]), None).version


def _warm(_home: Any, _wish: dict[str, Any]) -> None:
    """Import what the others do, so that a moment at which one is killed is a moment of its work."""
    from environments.embedded import inviting, joinwork, prepare, trustwork
    from environments.site import Site
    from environments.trust import adopt_document

    assert Site.load().profiles
    assert all((inviting, joinwork, prepare, trustwork, adopt_document))


_ACTS = {
    "warm": _warm,
    "rotate": _rotate,
    "renew": _renew,
    "host": _host,
    "invite": _invite,
    "join": _join,
    "admit": _admit,
    "complete": _complete,
    "withdraw": _withdraw,
    "list": _list,
    "update": _update,
    "newest": _newest,
}


def main() -> None:
    """Do what each line asks for, in this one thread."""
    from data_contracts.errors import IsthmusError
    from environments.home import Home

    for line in sys.stdin:
        wish = json.loads(line)
        try:
            answer: dict[str, Any] = {"done": _ACTS[wish["what"]](Home(wish["home"]), wish)}
        except IsthmusError as error:
            told = {
                "kind": type(error).__name__,
                "reason": getattr(error, "reason", ""),
                "code": error.exit_code,
                "text": f"{error}; {error.remedy}",
            }
            answer = {"refused": told}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

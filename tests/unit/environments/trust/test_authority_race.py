"""Two who change the trust document at once: one is issued, and no version of it ever stands twice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from trust_builder import DAY, NOW, public

from data_contracts.errors import ConflictError
from environments.trust import authority as authority_module
from environments.trust.authority import Authority, Unsigned
from environments.trust.changing import revoked
from environments.trust.envelope import SignedTrust


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Let these go on together: whoever verified a document waits for the others to come as far."""
    barrier, real = threading.Barrier(len(calls)), authority_module.accept

    def accept(*given: Any, **more: Any) -> SignedTrust:
        found = real(*given, **more)
        with suppress(threading.BrokenBarrierError):
            barrier.wait(0.5)
        return found

    def told(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ConflictError as error:
            return error

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(calls)) as pool:
        patch.setattr(authority_module, "accept", accept)
        return list(pool.map(told, calls))


def issued_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("0*.json"))]


def test_of_two_changes_at_once_one_is_issued_and_the_other_is_told(tmp_path: Path) -> None:
    publics = {name: public(name) for name in ("cloud", "edge")}
    first = Authority(tmp_path).settle(publics, {}, NOW).document
    keys = {name: first.environments[name].signing[0].key_id for name in publics}

    def revoke(name: str) -> SignedTrust | Unsigned:
        return Authority(tmp_path).issue(revoked(first, name, keys[name], NOW), NOW)

    answers = at_once(lambda: revoke("cloud"), lambda: revoke("edge"))
    [won] = [each for each in answers if isinstance(each, SignedTrust)]
    [lost] = [each for each in answers if isinstance(each, ConflictError)]
    assert "changed meanwhile" in str(lost)
    newest = Authority(tmp_path).need()
    assert newest.raw == won.raw == issued_of(tmp_path)[-1]
    assert [newest.document.version, len(issued_of(tmp_path))] == [2, 2]
    other = next(name for name in publics if newest.document.environments[name] == first.environments[name])
    again = Authority(tmp_path).issue(revoked(newest.document, other, keys[other], NOW), NOW)
    assert isinstance(again, SignedTrust)
    assert again.document.version == 3


def test_two_that_start_at_once_get_one_document_under_one_root(tmp_path: Path) -> None:
    publics = {"cloud": public("cloud")}
    found = at_once(*[lambda: Authority(tmp_path).settle(publics, {}, NOW)] * 2)
    assert found[0].raw == found[1].raw
    assert issued_of(tmp_path) == [found[0].raw]


def test_two_that_renew_at_once_renew_once(tmp_path: Path) -> None:
    publics = {"cloud": public("cloud")}
    first = Authority(tmp_path).settle(publics, {}, NOW)
    later = first.document.expires - DAY
    found = at_once(*[lambda: Authority(tmp_path).settle(publics, {}, later)] * 2)
    assert [each.document.version for each in found] == [2, 2]
    assert found[0].raw == found[1].raw == Authority(tmp_path).need().raw

"""The fingerprint that two people compare."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from data_contracts.digest import digest_bytes
from environments.joining import agrees, spoken


@given(st.binary(max_size=50))
def test_it_is_twelve_groups_of_five_digits_of_the_whole_digest(data: bytes) -> None:
    digest = digest_bytes(data)
    text = spoken(digest)
    assert re.fullmatch(r"[0-9]{5}( [0-9]{5}){11}", text)
    number = int(digest.removeprefix("sha256:"), 16)
    assert int(text.replace(" ", "")) == number % 10**60


@given(st.binary(max_size=50), st.integers(0, 59))
def test_it_agrees_whole_or_not(data: bytes, at: int) -> None:
    digest = digest_bytes(data)
    digits = spoken(digest).replace(" ", "")
    assert agrees(spoken(digest), digest)
    assert agrees(digits, digest)
    assert agrees(f" {digits[:7]}\n{digits[7:]} ", digest)
    assert agrees(digest, digest)
    other = digits[:at] + str((int(digits[at]) + 1) % 10) + digits[at + 1 :]
    assert not agrees(other, digest)
    assert not agrees(digits[:at], digest)
    assert not agrees(digest[:-1], digest)
    assert not agrees("", digest)
    assert not agrees("sha256:", digest)

"""The search of `make prove` finds what it must; what its systems do, `make prove` itself says."""

from __future__ import annotations

import gzip
import socket
import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
import searching
from capture import Capture, captured
from planting import EDGE, HOME, HOSPITAL, leaky_site
from searching import Found
from story import Arm
from trials import PACKETS, TRIALS, Trial, complaints

VALUE = f"the patient {HOME.word}last12 of {HOME.base + 77}".encode()


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


@pytest.mark.parametrize(
    "made", [gzip.compress, zlib.compress, zstd, lambda data: data.decode().encode("utf-16-be")]
)
@pytest.mark.parametrize("around", [b"", b"x\x9c\x1f\x8b\x08 no stream \x28\xb5\x2f\xfd"])
def test_what_is_packed_is_found_wherever_it_begins(tmp_path: Path, made: object, around: bytes) -> None:
    assert callable(made)
    (tmp_path / "file").write_bytes(around + made(VALUE * 50) + around)
    assert searching.files("a place", [tmp_path], [HOME]).leaks
    assert not searching.files("a place", [tmp_path], [EDGE]).leaks


def test_a_number_is_found_as_a_float(tmp_path: Path) -> None:
    for number in (HOME.base, HOME.base + 65_535):
        for form in ("<d", ">d", "<q"):
            (tmp_path / "file").write_bytes(b"ab" + struct.pack(form, number) + b"cd")
            assert searching.files("a place", [tmp_path], [HOME]).leaks, (number, form)


def packet(sequence: int, payload: bytes) -> bytes:
    tcp = struct.pack(">HHIIBBHHH", 4000, 5000, sequence, 0, 5 << 4, 0, 0, 0, 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return head + tcp


def test_a_value_cut_by_packets_one_of_which_is_sent_again_is_whole(tmp_path: Path) -> None:
    seen, last = Capture(tmp_path), 2**32 - 8
    cut = [(last, VALUE[:20]), (last, VALUE[:20]), ((last + 10) % 2**32, VALUE[10:30]), (22, VALUE[30:])]
    for sequence, payload in cut:
        seen.take(0x0800, packet(sequence, payload))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [VALUE]
    assert seen.bytes == len(VALUE)


def test_what_passes_the_loopback_is_captured(tmp_path: Path) -> None:
    try:
        with (
            captured(tmp_path / "packets") as seen,
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as client,
            server.accept()[0] as taken,
        ):
            client.sendall(VALUE)
            assert taken.recv(len(VALUE)) == VALUE
    except PermissionError:
        pytest.skip("this process may not open a packet socket")
    assert searching.files(PACKETS, [tmp_path / "packets"], [HOME]).leaks
    assert seen.dropped == 0


def test_what_is_planted_still_loads_and_is_everywhere(tmp_path: Path) -> None:
    HOSPITAL[0].write(tmp_path / "planted.csv")
    lines = (tmp_path / "planted.csv").read_bytes().splitlines()[1:]
    assert lines
    assert all(HOME.pattern.search(line) for line in lines)
    assert (leaky_site(tmp_path / "site") / "flows" / "telling.py").read_text().count("def tell(") == 1


def arm(trial: Trial, *leaks: str, things: int = 1) -> Arm:
    places = sorted({place for one in TRIALS for place in one.leaks})
    found = [Found(place, things, 1, ("a file",) if place in leaks else ()) for place in places]
    return Arm(trial.off, found, segments=1)


def test_the_judgement_is_strict() -> None:
    clean, gate, wrapper = TRIALS[0], TRIALS[1], TRIALS[2]
    assert list(complaints(clean, arm(clean))) == []
    assert list(complaints(clean, arm(clean, PACKETS)))
    assert list(complaints(clean, arm(clean, things=0)))
    assert list(complaints(gate, arm(gate, *gate.leaks))) == []
    for place in gate.leaks:
        assert list(complaints(gate, arm(gate, *(other for other in gate.leaks if other != place))))
    assert list(complaints(wrapper, arm(wrapper)))
    held = arm(wrapper)
    held.withheld = 1
    assert list(complaints(wrapper, held)) == []
    lost = arm(clean)
    lost.dropped = 1
    assert list(complaints(clean, lost))

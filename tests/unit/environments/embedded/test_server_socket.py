from __future__ import annotations

import socket
import threading

import pytest

from environments.embedded.server import HOST, bind_loopback, server_answers


def test_a_free_port_is_taken_on_loopback_only() -> None:
    with bind_loopback(0) as listener:
        assert listener.getsockname()[0] == HOST == "127.0.0.1"


def test_a_named_port_that_is_taken_is_not_replaced_by_another() -> None:
    with bind_loopback(0) as first:
        port = first.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            bind_loopback(port)


def test_two_systems_get_two_ports() -> None:
    with bind_loopback(0) as first, bind_loopback(0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]


def test_a_server_that_hangs_or_talks_nonsense_is_not_ready() -> None:
    with bind_loopback(0) as listener:
        port = listener.getsockname()[1]
        assert not server_answers(port, timeout=0.2)

        def babble() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 this is no HTTP\r\n")

        threading.Thread(target=babble, daemon=True).start()
        assert not server_answers(port, timeout=2.0)
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_there_is_not_ready() -> None:
    with bind_loopback(0) as listener:
        port = listener.getsockname()[1]
    assert not server_answers(port, timeout=0.5)

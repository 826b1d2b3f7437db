"""The part `metrics` of an environment file, read with every mistake in it.

Invariants:
1. Without the part nothing listens. With it, on loopback, unless another address is written out.
2. An address is written as one: a name would mean what somebody else's server says.

Example:
    >>> from data_contracts.yamlsource import parse_yaml
    >>> read_metrics(Fields(parse_yaml(b"metrics: {port: 9464}", file="cloud.yaml")))
    MetricsSpec(port=9464, host='127.0.0.1')
"""

from __future__ import annotations

import ipaddress

from environments.fields import Fields
from environments.profile import MetricsSpec

__all__ = ["read_metrics"]

_LOW, _HIGH = 1024, 65535


def read_metrics(fields: Fields) -> MetricsSpec | None:
    """Read where the numbers can be scraped; absent is nowhere."""
    if fields.get(("metrics",)) is None:
        return None
    fields.mapping(("metrics",), ("port", "host"), ("port",))
    place = ("metrics", "port")
    port = fields.integer(place, low=0, high=_HIGH, default=0)
    if 0 < port < _LOW:
        fields.complain(place, f"{port} is out of bounds", f"0 for a free one, or {_LOW} to {_HIGH}")
    expected = "an IP address, such as 127.0.0.1 or ::1"
    host = fields.text(("metrics", "host"), r"[0-9a-fA-F.:]{2,45}", expected, MetricsSpec(0).host)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        fields.complain(("metrics", "host"), f"{host!r} is no address", expected)
    return MetricsSpec(port, host)

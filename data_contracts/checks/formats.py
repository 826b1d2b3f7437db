"""`format` options of text that can be checked by form alone, as patterns; None checks nothing.

A format that is not here (`ipv6`, …) makes a rule that fails as `not_evaluated`.
"""

from __future__ import annotations

__all__ = ["FORMATS"]

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
FORMATS: dict[str, str | None] = {
    # RFC 9562, section 4.
    "uuid": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
    # The form that HTML's e-mail input takes, with at least one dot in the domain.
    "email": rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(\.{_LABEL})+$",
    "ipv4": rf"^{_OCTET}(\.{_OCTET}){{3}}$",
    # RFC 1123, section 2.1.
    "hostname": rf"^{_LABEL}(\.{_LABEL})*$",
    # RFC 3986: a scheme and no white space; the rest of its grammar admits nearly all else.
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$",
    # RFC 4648, section 4.
    "byte": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    # How to show it, not what it holds.
    "password": None,
    "binary": None,
}

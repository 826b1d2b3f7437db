"""One environment, looked at by a child of its own: certificates, keys, disk, what was left half-done."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import asdict
from typing import Any

from data_contracts.errors import IsthmusError
from environments.embedded.doctor.finding import Finding, Severity
from environments.embedded.doctor.machine import check_disk
from environments.home import EnvironmentFolder

__all__ = ["examine_environment"]

_SOON = dt.timedelta(days=30)
_OLD_SCRATCH = 7 * 86400.0


def examine_environment(folder: EnvironmentFolder) -> list[dict[str, Any]]:
    """Return this environment's findings as JSON."""
    name = folder.name
    try:
        folder.check()
    except IsthmusError as error:
        return [asdict(Finding("home", "error", f"{name}: {error}", error.remedy))]
    findings = [
        *_certificates(folder),
        *_keys(folder),
        *_trust(folder),
        check_disk(folder.store, name),
        *_scratch(folder),
    ]
    return [asdict(finding) for finding in findings]


def _certificates(folder: EnvironmentFolder) -> list[Finding]:
    from cryptography import x509

    now = dt.datetime.now(dt.UTC)
    findings = []
    remedy = "run `isthmus down` and `isthmus up`: it renews what is about to expire"
    for role in ("ca", "scheduler", "worker", "client"):
        path = folder.dask / f"{role}.pem"
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            findings.append(Finding("certificates", "error", f"{folder.name}: {role} cannot be read", remedy))
            continue
        left = certificate.not_valid_after_utc - now
        what = f"{folder.name}: {role}'s certificate ends in {left.days} days"
        if certificate.not_valid_before_utc > now:
            findings.append(
                Finding("certificates", "error", f"{folder.name}: {role}'s begins later", "set the clock")
            )
        elif left <= dt.timedelta(0):
            findings.append(Finding("certificates", "error", what, remedy))
        elif left < _SOON:
            findings.append(Finding("certificates", "warning", what, remedy))
    return findings or [
        Finding("certificates", "ok", f"{folder.name}: all valid for {_SOON.days} days or more")
    ]


def _keys(folder: EnvironmentFolder) -> list[Finding]:
    from environments.identity import load_identity, load_peers

    try:
        load_identity(folder)
        peers = load_peers(folder)
    except IsthmusError as error:
        return [Finding("home", "error", f"{folder.name}: {error}", error.remedy or "run `isthmus up` once")]
    return [Finding("home", "ok", f"{folder.name}: keys are private, {len(peers)} peers are pinned")]


def _trust(folder: EnvironmentFolder) -> list[Finding]:
    from environments.trust import load_pinned

    now = dt.datetime.now(dt.UTC)
    try:
        pinned = load_pinned(folder)
    except IsthmusError as error:
        remedy = error.remedy or "restore it from the backup"
        return [Finding("trust", "error", f"{folder.name}: {error}", remedy)]
    if pinned is None:
        what = f"{folder.name}: no trust document is pinned; peers are known one by one"
        return [Finding("trust", "warning", what, "run `isthmus down` and `isthmus up`: it issues one")]
    document = pinned.document
    version = f"{folder.name}: trust document {document.version}, {document.digest[7:19]}"
    left = document.expires - now
    findings = []
    if left < _SOON:
        remedy = "run `isthmus down` and `isthmus up`, or `isthmus trust update FILE` with a newer one"
        severity: Severity = "error" if left <= dt.timedelta(0) else "warning"
        findings.append(Finding("trust", severity, f"{version} ends in {left.days} days", remedy))
    ends = {
        name: max((key.window.ends for key in one.signing if key.window.accepts(now)), default=now)
        for name, one in document.environments.items()
    }
    findings += [
        Finding(
            "trust",
            "warning" if end > now else "error",
            f"{version}: the last key of {name} ends in {(end - now).days} days",
            f"run `isthmus keys rotate --env {name}`",
        )
        for name, end in ends.items()
        if end - now < _SOON
    ]
    if document.roots.threshold == 1:
        count = len(document.roots.keys)
        what = f"{version}: one root key alone can change it" + (f" (of {count})" if count > 1 else "")
        findings.append(Finding("trust", "warning", what, "`isthmus trust upgrade` raises the threshold"))
    return findings or [Finding("trust", "ok", f"{version}, signed by {document.roots.threshold} roots")]


def _scratch(folder: EnvironmentFolder) -> list[Finding]:
    try:
        old = [path for path in folder.tmp.iterdir() if time.time() - path.lstat().st_mtime > _OLD_SCRATCH]
    except OSError:
        return []
    if not old:
        return []
    what = f"{folder.name}: {len(old)} files in {folder.tmp} are older than a week"
    return [Finding("leftovers", "warning", what, "remove them while nothing runs (`isthmus down`)")]

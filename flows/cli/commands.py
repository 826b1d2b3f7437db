"""The table of commands: names, modules and lines of help. It imports nothing."""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module whose `command` (click.Command or click.Group) it is, one line of help)
    "init": ("flows.cli.init", "Write a commented site that runs."),
    "up": ("flows.cli.up", "Start the embedded system, and return when all of it is ready."),
    "down": ("flows.cli.down", "Stop the embedded system; no process, port or socket stays."),
    "status": ("flows.cli.status", "Every part: health, version, address, queues, last runs."),
    "logs": ("flows.cli.logs", "Logs of the system, of one environment, or of one run."),
    "doctor": ("flows.cli.doctor", "Look for trouble, and say what to do about each finding."),
    "shell-env": (
        "flows.cli.shell_env",
        "Print the exports with which plain `prefect` talks to this system.",
    ),
    "asset": ("flows.cli.asset", "Add, list, show, get and verify the assets of one environment."),
    "check": ("flows.cli.check", "Check a file or an asset against its data contract."),
    "contract": ("flows.cli.contract", "Lint, show, test, compare and document data contracts."),
    "terms": ("flows.cli.terms", "Draft the terms under which data may cross a boundary."),
    "sync": ("flows.cli.sync", "Move one asset across one boundary, if its terms permit."),
    "outbox": ("flows.cli.outbox", "What waits to be sent: list it, send it, take it out."),
    "media": ("flows.cli.media", "Carry crossings on a disk to a site that no link reaches."),
    "approve": ("flows.cli.approve", "Approve a crossing that waits for a second person."),
    "recall": (
        "flows.cli.recall",
        "Have what was sent erased wherever it went, and what was derived from it.",
    ),
    "deploy": ("flows.cli.deploy", "Register pipelines, steps and schedules with the server."),
    "run": ("flows.cli.run", "Run a pipeline."),
    "cancel": ("flows.cli.cancel", "Stop a run of a pipeline, and its steps."),
    "plan": ("flows.cli.plan", "Show what a pipeline would do, before anything runs."),
    "ledger": ("flows.cli.ledger", "Show and verify the record of one environment."),
    "reconcile": (
        "flows.cli.reconcile",
        "Hold ledgers against stores, transits and peers; end what is half-done.",
    ),
    "env": ("flows.cli.env", "Show what lives where, and let an environment of another machine join."),
    "trust": ("flows.cli.trust", "Show, sign and update the document that says which keys count."),
    "requester": ("flows.cli.requester", "Name who may ask for crossings, and what for."),
    "keys": ("flows.cli.keys", "List, rotate, revoke and export keys."),
    "reidentify": (
        "flows.cli.reidentify",
        "Turn pseudonyms back at their source, for a declared purpose; recorded.",
    ),
    "incident": ("flows.cli.incident", "Show the true error behind an incident id, where it happened."),
    "api": ("flows.cli.api", "Let other machines reach the Prefect server, by TLS."),
    "gate": ("flows.cli.gate", "Run one environment's gate for its API traffic."),
    "worker": ("flows.cli.worker", "Run one environment's sealed worker."),
    "demo": ("flows.cli.demo", "Run the hospital's pipeline from nothing and show what crossed."),
}

"""The embedded system: PostgreSQL, Prefect server and every environment's host under one supervisor.

Nothing is imported here: `isthmus up` and `isthmus shell-env` start light, and the supervisor decides
itself what it loads before it forks.
"""

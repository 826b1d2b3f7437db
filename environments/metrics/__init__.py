"""What an environment's operator watches: numbers about its crossings and parts, for Prometheus and `status`.

Invariants:
1. Metrics and labels stand in one table (`catalogue`); none is a place for data.
2. Only the environment's own folder is read; no key is opened.

Example:
    >>> exposition(Collector(folder, profile, profiles).collect(), accept="").content_type
    'text/plain; version=0.0.4; charset=utf-8'
"""

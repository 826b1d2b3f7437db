"""Environments: where things run, and the only door between them."""

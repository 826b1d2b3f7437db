"""Scoring where the data is, and the small summary that may leave."""

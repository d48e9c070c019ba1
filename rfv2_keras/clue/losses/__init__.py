"""Losses of task heads."""

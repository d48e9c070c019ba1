"""Layers that turn hidden states into what a task asks for."""

"""The formats that examples of tasks come in."""

"""Fetching and unpacking the public files of the tasks."""

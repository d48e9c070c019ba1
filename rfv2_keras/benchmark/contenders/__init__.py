"""What is timed, one file per library.

Each file has a function `make(job)` that builds a model and returns a function without arguments: it starts one step
and returns a function that waits until that step is done. `job` is a `Job` as a dict. The files are loaded by their
path, so that a peer's Python needs neither this package nor Keras; they import nothing of each other.
"""

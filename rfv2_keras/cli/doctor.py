"""`rfv2 doctor`."""

import os

import typer

from rfv2_keras.cli.quiet import import_tensorflow_quietly


def doctor():
    """Show what training would run on, what is wrong with it and what to do; the exit status is 1 if something is."""
    environment = dict(os.environ)  # before anything is added to it
    import_tensorflow_quietly()
    from rfv2_keras.training.doctor import report
    from rfv2_keras.training.machine import read_machine

    text, problems = report(read_machine(environment))
    print(text)
    raise typer.Exit(1 if problems else 0)

"""Fetching the public files of the tasks of CLUE."""

import sys
from pathlib import Path

from rfv2_keras.clue.task import Task, checked_names
from rfv2_keras.transfer.folder import fetch_folder

BASE_URL = "https://storage.googleapis.com/cluebenchmark/tasks"
# Task -> what its archive is called, where that is something else.
ARCHIVES = {"wsc": "cluewsc2020"}


def download_tasks(names, out, base_url=BASE_URL, stream=None, wait=1.0):
    """Fetch the archives of tasks and unpack them to `out/TASK/`, as the built-in tasks expect their files.

    A task whose folder holds files already is not fetched. What is not finished has a name that begins with
    `.unfinished-`; an archive of which a part was fetched before is continued.

    Args:
        names: names of tasks, or `["all"]`.
        out: folder for the folders of the tasks.
        base_url: what comes before `/tnews_public.zip`: http:, https: or file:.
        stream: where progress goes; None for standard output.
        wait: seconds before the second attempt after an interruption.

    Raises:
        UserError: an unknown task, no connection, no such archive, one that is broken or dangerous to unpack; the tasks
            before it are finished and kept.
    """
    stream = stream or sys.stdout
    for name in checked_names(names):
        _download(
            name, Path(out), base_url, lambda line, name=name: print(f"{name}: {line}", file=stream, flush=True), wait
        )


def _download(name, out, base_url, say, wait):
    folder = out / name
    if folder.is_dir() and any(folder.iterdir()):
        say(f"{folder} is there already, not fetched")
    else:
        archive = f"{ARCHIVES.get(name, name)}_public.zip"
        url = f"{base_url.rstrip('/')}/{archive}"
        say(url)
        fetch_folder(url, out / f".unfinished-{archive}", folder, say, wait)
        say(f"{folder}: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    files = Task.read(name).files
    missing = [file for file in [*files.train, *files.dev, *files.test.values()] if not (out / file).is_file()]
    if missing:
        say(f"without {', '.join(missing)}, which the task would read")

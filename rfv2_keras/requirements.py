"""What must be there before the package can be imported."""

import re

OLDEST_KERAS = (3, 12)


def check_keras(version):
    """Stop with one sentence if Keras is too old.

    Args:
        version: of the installed Keras, for example `keras.__version__`.

    Raises:
        ImportError: it is older than `OLDEST_KERAS`.
    """
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_KERAS:
        oldest = ".".join(str(number) for number in OLDEST_KERAS)
        raise ImportError(f'rfv2_keras needs Keras {oldest} or newer, found {version}: pip install "keras>={oldest}".')

"""TensorFlow without its start-up messages."""

import contextlib
import os
import shutil
import sys
import tempfile


def import_tensorflow_quietly():
    """Import TensorFlow; what its C++ side says meanwhile is shown only if the import fails.

    Later messages below the level of an error stay out as well, unless the environment variable TF_CPP_MIN_LOG_LEVEL
    has another level; with 0 nothing is held back.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "tensorflow" in sys.modules or level == "0":
        return
    with _standard_error_held_back():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")  # a build for GPUs complains here of a machine without one


@contextlib.contextmanager
def _standard_error_held_back():
    """Collect what is written to file descriptor 2, past `sys.stderr` too, and show it only after an exception."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            with os.fdopen(os.dup(original), "wb") as standard_error:
                shutil.copyfileobj(held_back, standard_error)
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)

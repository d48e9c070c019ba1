"""The one exception that stands for a mistake in what the user gave."""


class UserError(ValueError):
    """A file, config, argument or text that cannot be used as it is.

    The message is one sentence: what is wrong, where, what was received, what is allowed. The command line prints it
    without a traceback and exits with status 2.
    """

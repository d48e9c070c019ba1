"""Names that bert4keras has and this package has not: importing one says what to use instead."""


def absent_names(module, alternatives):
    """A module's `__getattr__` for names that are not offered.

    Args:
        module: name of the module.
        alternatives: dict of such a name to what to do instead.

    Returns:
        The function; it raises ImportError for these names, also under `from module import name`, and AttributeError
        for all others.
    """

    def get(name):
        if name in alternatives:
            raise ImportError(f"{module} does not offer {name}: {alternatives[name]}.")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return get

"""What a load did: which weights were found, which were not, and what was left over."""

from dataclasses import dataclass, field

from rfv2_keras.errors import UserError

_NAMED = 3  # names that a message gives before it says "..."


@dataclass
class LoadReport:
    """The outcome of loading weights into a model.

    Attributes:
        source: the file, as it was given.
        loaded: paths of the weights that have the file's values now.
        missing: paths of weights that the file does not hold.
        wrong_shape: path -> (shape in the file, shape in the model).
        unused: names in the file that no weight of the model asked for.
        set_to_one: residual factors α of a model whose file has none: a model without α is one with α = 1.
        lost_factors: residual factors in the file that differ from 1, while the model has none.
    """

    source: str
    loaded: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    wrong_shape: dict = field(default_factory=dict)
    unused: list = field(default_factory=list)
    set_to_one: list = field(default_factory=list)
    lost_factors: list = field(default_factory=list)

    @property
    def complete(self):
        """Whether every weight of the model has a value from the file, and the model is the one that the file means."""
        return bool(self.loaded) and not (self.missing or self.wrong_shape or self.lost_factors)

    @property
    def total(self):
        """Weights of the model."""
        return len(self.loaded) + len(self.missing) + len(self.wrong_shape) + len(self.set_to_one)

    def __str__(self):
        lines = [f"{self.source}: loaded {len(self.loaded)} of {self.total} weights"]
        if self.missing:
            lines.append(f"  missing, left as they were: {_names(self.missing)}")
        if self.wrong_shape:
            lines.append(f"  wrong shape, left as they were: {self._shapes()}")
        if self.set_to_one:
            lines.append(f"  residual factors set to 1, since the file has none: {_names(self.set_to_one)}")
        if self.lost_factors:
            lines.append(f"  residual factors that differ from 1, not in the model: {_names(self.lost_factors)}")
        if self.unused:
            lines.append(f"  in the file, not in the model: {_names(self.unused)}")
        return "\n".join(lines)

    def raise_if_incomplete(self, strict=True):
        """Stop where a weight would be left at its random value.

        Args:
            strict: False lets missing and mis-shaped weights pass; that nothing at all was loaded is always an error.

        Raises:
            UserError: the file does not hold what the model needs.
        """
        if self.complete or (self.loaded and not strict):
            return
        problems = []
        if self.missing:
            problems.append(f"{len(self.missing)} of {self.total} weights are missing ({_names(self.missing)})")
        if self.wrong_shape:
            problems.append(f"{len(self.wrong_shape)} of {self.total} have another shape ({self._shapes()})")
        if self.lost_factors:
            problems.append(
                f"{len(self.lost_factors)} residual factors differ from 1 ({_names(self.lost_factors)}) while the "
                "model has none (residual=plain)"
            )
        if self.loaded:
            advice = "strict=False loads the rest and leaves these as they are"
        else:
            advice = f"nothing can be loaded from it, it holds {_names(self.unused) or 'no other weights'}"
        raise UserError(f"{self.source}: {', '.join(problems) or 'the model has no weights'}; {advice}.")

    def _shapes(self):
        shapes = [
            f"{path}: {stored} in the file, {own} in the model" for path, (stored, own) in self.wrong_shape.items()
        ]
        return _names(shapes, "; ")


def _names(names, separator=", "):
    """The first few names, and how many more there are."""
    more = len(names) - _NAMED
    return separator.join(names[:_NAMED]) + (f"{separator}and {more} more" if more > 0 else "")

"""What one process of a benchmark does."""

from dataclasses import asdict, dataclass, field

TARGET_SHARE = 0.15  # of the positions, as in masked-language-model training


@dataclass(frozen=True)
class Job:
    """One contender.

    Attributes:
        library: file of `contenders` that makes it, without `.py`.
        task: `"train"` (an update of masked-language-model training), `"infer"` (hidden states of an encoder) or
            `"peak"` (matrix products).
        dtype: `"float32"`, `"bfloat16"` or `"float16"`: that of the products; weights being trained are float32.
        config: keys of the model config.
        title: name of the model, for tables.
        batch, length: rows and tokens of a row.
        jit: whether the model is compiled (XLA, or `torch.compile`).
        optimizer: `"adamw"` or `"lamb"`.
        model: which model of a library that has several.
        python: interpreter.
    """

    library: str
    task: str
    dtype: str
    config: dict = field(default_factory=dict, hash=False)
    title: str = ""
    batch: int = 1
    length: int = 1
    jit: bool = False
    optimizer: str = "adamw"
    model: str = ""
    python: str = ""

    @property
    def targets(self):
        """Masked positions of a row."""
        return max(1, round(TARGET_SHARE * self.length))

    @property
    def name(self):
        """What tells contenders of one run apart."""
        library = f"{self.library} {self.model}".strip().replace("_", "-")
        if self.task == "peak":
            return f"peak {library} {self.dtype}"
        compiled = " compiled" if self.jit else ""
        optimizer = f" {self.optimizer}" if self.task == "train" and self.optimizer != "adamw" else ""
        again = self.config.get("gradient_checkpointing", False)
        twice = {False: "", True: " layers twice", "attention": " attention twice"}[again]
        return f"{library} {self.title} {self.batch}×{self.length} {self.dtype}{compiled}{optimizer}{twice}"

    def as_dict(self):
        """For the process, as JSON values."""
        return {**asdict(self), "targets": self.targets}

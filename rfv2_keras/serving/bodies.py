"""The bodies of requests, and what is said of wrong ones."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rfv2_keras.errors import UserError

SHOWN = 60  # characters of a wrong value that a message repeats


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Texts = Annotated[list[str], Field(min_length=1)]


class FillMaskBody(_Body):
    texts: Annotated[Texts, Field(description="texts, each with one or several [MASK]")]
    top_k: Annotated[int, Field(ge=1, le=100, description="candidates of a mask")] = 5


class EmbedBody(_Body):
    texts: Texts


class PredictBody(_Body):
    texts: Texts
    second_texts: Annotated[Texts | None, Field(description="for tasks on pairs, one for each text")] = None
    task: Annotated[str | None, Field(description="needed where the model has several")] = None


class Answers(BaseModel):
    """One answer for each text, in the order of the texts."""

    results: list


class Problem(BaseModel):
    """What is wrong, in one sentence."""

    error: str


def check_texts(texts, limits, field="texts"):
    """Stop at texts that are too many, empty, too long, or cannot be written as UTF-8.

    Raises:
        UserError: the sentence names the text.
    """
    if len(texts) > limits.max_texts:
        raise UserError(f"{field} may have {limits.max_texts} texts, received {len(texts)}.")
    for number, text in enumerate(texts):
        if not text.strip():
            raise UserError(f"{field}[{number}] is empty.")
        if len(text) > limits.max_text:
            raise UserError(f"{field}[{number}] may have {limits.max_text} characters, received {len(text)}.")
        if not _is_unicode(text):
            raise UserError(f"{field}[{number}] holds half of a surrogate pair, which is no character.")


def explain(errors):
    """One sentence about the first of pydantic's errors."""
    error, path = errors[0], ""
    for part in error["loc"][1:]:  # the first is "body"
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    if error["type"] == "json_invalid":
        return f"The body is no JSON: {error['ctx']['error']}."
    if error["type"] == "missing":
        return f"The field {path} is missing." if path else "The body is missing, it must be a JSON object."
    if error["type"] == "extra_forbidden":
        return f"There is no field {path!r}."
    if isinstance(error.get("input"), bytes):
        return "The body must be JSON, and the header Content-Type must say so: application/json."
    received = repr(error.get("input"))
    shown = received if len(received) <= SHOWN else received[:SHOWN] + "…"
    return f"{path or 'The body'}: {_lower(error['msg'])}, received {shown}."


def _lower(sentence):
    return sentence[:1].lower() + sentence[1:]


def _is_unicode(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""Files whose lines are plain text."""

from rfv2_keras.clue.reading.files import existing


def text_lines(path, report):
    """Pairs (place, line) of a UTF-8 file; blank lines are passed over, and only "\\n" ends a line.

    Args:
        path: the file.
        report: function that takes a sentence, for a line that is not UTF-8; the line is left out.
    """
    with open(existing(path), "rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path}:{number}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
            except UnicodeDecodeError as error:
                report(f"{place}: left out, the line is not UTF-8 (byte {error.start}).")
                continue
            if text.strip():
                yield place, text

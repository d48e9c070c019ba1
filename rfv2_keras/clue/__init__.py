"""The tasks of CLUE and tasks of the same kinds: reading, fine-tuning, scoring, submission files."""

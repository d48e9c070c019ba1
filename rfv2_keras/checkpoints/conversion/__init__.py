"""From one format to another, with the outputs of both sides compared."""

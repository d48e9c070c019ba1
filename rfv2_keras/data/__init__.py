"""Corpus to records to batches; masking; length buckets. Needs no Keras."""

"""A small HTTP server around a model; `rfv2 serve` starts it. Needs the extra `serve`."""

"""The `rfv2` command: one file per subcommand, each a thin caller of the package."""

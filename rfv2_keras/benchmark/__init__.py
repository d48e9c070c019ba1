"""How fast this package and its peers are: live processes that take turns on one machine."""

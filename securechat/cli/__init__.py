"""The command line: one group of commands, each family of them in a module of its own."""

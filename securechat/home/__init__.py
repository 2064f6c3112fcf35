"""The home folder: its files and their modes, the configuration, the keys, admission to a room."""

"""The running process: links, the door, the turn, and what is performed after the commit."""

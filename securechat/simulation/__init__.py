"""The real node under a virtual clock and a bad network, and an independent checker (DESIGN 9)."""

"""The simulation: its clock, its network, its checker, and the bugs planted to test them."""

"""Tests of who takes part and who seems reachable."""

"""Tests of what drills stand on."""

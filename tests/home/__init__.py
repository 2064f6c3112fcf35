"""Tests of the home folder."""

"""
Tests: the folders mirror the packages.

Hypothesis judges no test by the clock: on a busy machine a slow example says nothing about the code.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
settings.load_profile("unhurried")

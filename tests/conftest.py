"""Time says nothing about a property on a machine that others use too."""

from hypothesis import settings

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

"""The card gateway: an egress proxy that keeps card numbers out of hotel software."""

__version__ = "0.1.0"

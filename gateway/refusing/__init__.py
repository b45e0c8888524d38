"""Refusals in the caller's own format."""

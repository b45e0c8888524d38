"""Breaks the product on purpose, one line at a time: each breakage must turn the suite red."""

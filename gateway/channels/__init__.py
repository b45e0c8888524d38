"""Endpoints with a protocol of their own."""

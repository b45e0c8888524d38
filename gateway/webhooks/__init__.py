"""Clients are told what they did not ask for: signed, at least once, in order for each subject."""

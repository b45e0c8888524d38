"""Processors that move money: what each is told and how its answers are read, in YAML."""

"""Exchanges that a tool keeps in a format of its own: stubs, contracts, collections, exports, events.

What is taken for the message itself would be proposed as a rule for the tool's format. So each tool is known by
keys that no message has, and read here, one entry of a table each (`reader.py`); what can not be read is told by its
name (`told.py`).
"""

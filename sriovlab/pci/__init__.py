"""Bytes and what they mean. Opens no file, except the names of pci.ids. Python 3.8 and standard library only."""

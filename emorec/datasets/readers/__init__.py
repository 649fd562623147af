"""Readers of the official formats, one file a family."""

"""Doors: the open ones, which need no key, and bulk operations."""

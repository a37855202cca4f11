"""Triggers by HTTP."""

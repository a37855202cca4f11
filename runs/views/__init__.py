"""Runs and outbound calls by HTTP."""

"""Destinations, their deliveries, and what may send: a module each."""

"""Clockhook beside what one would use instead: both sides in one run, on one machine."""

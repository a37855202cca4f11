"""Django's Postgres backend, with a quicker look at a pooled connection's health."""

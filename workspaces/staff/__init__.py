"""What the admin pages of all rooms share: for ``admin.py`` alone."""

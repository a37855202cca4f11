"""As logs write them, to the second; Django's own drop the seconds and say "noon"."""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "Y-m-d H:i:s"

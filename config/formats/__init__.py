"""How pages write times (``FORMAT_MODULE_PATH``)."""

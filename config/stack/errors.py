"""The two ways in which a stack ends before its time."""


class StackError(Exception):
    """Why the stack cannot start, as one sentence for the person at the terminal."""


class StopRequested(Exception):
    """SIGTERM, SIGINT or SIGHUP came while something was being waited for."""

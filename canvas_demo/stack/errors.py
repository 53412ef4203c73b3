"""What a person is told when the stack cannot do what was asked."""


class StackError(Exception):
    """What went wrong, where, and what to do; printed without a stack trace."""

class UserError(Exception):
    """Something the user can put right: shown as one message without a stack trace, exit code 2."""

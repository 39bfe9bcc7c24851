"""What an operator is told when a command cannot be carried out."""


class OperatorError(Exception):
    """A refusal in words for the operator's eyes; nothing was changed, nothing secret."""

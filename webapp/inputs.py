"""What is raised for input that is not legal."""


class BadInputError(ValueError):
    """Something the client sent is not legal; the text tells the client what is."""

    status = 400

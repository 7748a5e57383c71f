"""The Japanese of what the labs print and draw, by its English text."""

JAPANESE: dict[str, str] = {}

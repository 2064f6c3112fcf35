"""The chat client: models as tables, screens as golden text, keys pressed without a terminal."""

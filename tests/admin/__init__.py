"""The admin port: grammar, client, server."""

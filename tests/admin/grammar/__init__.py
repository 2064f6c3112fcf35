"""The grammar, both directions and both renderings."""

"""Messaging: values, rules and whole conversations, without a node."""

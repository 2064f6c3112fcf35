"""The node's memory: facts and turn records, what they explain, and the store that keeps them."""

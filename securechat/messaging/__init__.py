"""Posts, direct messages, receipts, gaps and recovery: what is said, and what is known of it."""

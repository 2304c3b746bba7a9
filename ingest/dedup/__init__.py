"""Which documents are copies, and which tell the same story: pure functions and rules."""

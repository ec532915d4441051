"""How well the feeds serve: what was shown, and what came of it."""

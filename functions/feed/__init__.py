"""What a member sees: a small model for every account, feeds ranked on demand, a home page, people to follow."""

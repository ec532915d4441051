"""Repositories that bots alone uses: suspects, verdicts, features of credentials, and links of accounts to them."""

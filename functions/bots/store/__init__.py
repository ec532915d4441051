"""The collections that only bots needs: suspects, verdicts, features of credentials, and whose credentials these are."""

"""The collections that only feed needs: follows and blocks, accounts, popular creators, and pages of a home."""

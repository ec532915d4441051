"""Web pages for operators and moderators."""

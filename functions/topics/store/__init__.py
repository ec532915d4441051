"""Repositories that topics alone uses: annotations of posts, the tree of topics, and labelled texts."""

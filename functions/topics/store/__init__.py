"""The collections that only topics needs: annotations of posts, the tree of topics, and labelled texts."""

"""Topics of posts: a taxonomy, a classifier over it, and the jobs that annotate posts and train the classifier."""

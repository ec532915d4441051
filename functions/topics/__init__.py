"""What posts are about: a taxonomy, a classifier over it, and the jobs that keep both."""

"""The repository that monitor alone uses: the performance of each day."""

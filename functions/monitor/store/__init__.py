"""The collections that only monitor needs: the performance of each day."""

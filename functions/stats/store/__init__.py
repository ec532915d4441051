"""The collections of statistics, and the stages that compute their rows."""

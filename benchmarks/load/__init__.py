"""Speed and memory: jobs and functions as whole processes, the guest feed while it is replaced, changes, callers."""

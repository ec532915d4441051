"""The handler of the console's function."""

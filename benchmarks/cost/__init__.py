"""What a network of any size costs a day, and which limit it reaches first, computed from saved results."""

"""What people may ask of what is known about them."""

"""One folder per domain; a domain never imports another."""

"""How well the feeds serve: which impressions were followed by engagements."""

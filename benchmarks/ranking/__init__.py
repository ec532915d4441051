"""How well feeds are ranked: on held-out engagements, beside baselines, two libraries and the best possible order.

python -m benchmarks.ranking
"""

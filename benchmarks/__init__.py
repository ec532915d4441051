"""Speed, memory and ranking quality beside their floors, measured in one run on a real MongoDB.

Lives here: the floors and the figures of the original (`floors`), demo networks to measure on (`places`), jobs as whole
processes (`jobs`), the guest feed under readers (`swaps`), rankings against what people did later (`quality`), and the
tables (`table`). `results/` holds what the last run found.
Does not live here: whether the jobs are right, which the tests say.

    python -m benchmarks
"""

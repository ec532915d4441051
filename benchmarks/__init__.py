"""Speed, memory and ranking quality beside their floors, measured in one run on a real MongoDB.

At the top: the floors and the original's figures (`floors`), demo networks to measure on (`bench_database`), tables
(`table`), and commands. By subject: jobs, functions and the guest feed under load (`load`), rankings against later
engagements (`ranking`), languages and topics of texts (`text`), bots (`bots`), and what a network costs (`cost`).
`results/` holds what the last run measured. Whether the jobs are right is for the tests.

    python -m benchmarks
"""

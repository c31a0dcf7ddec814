"""`python -m benchmarks.cost`: what Lockstep costs. With --events, what so many would."""

from benchmarks.cost.command import main

main()

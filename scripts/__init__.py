"""What people run: demo, tests, drills, benchmarks, and the simulated clients beside them."""

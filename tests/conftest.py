"""What holds for every test: torch computes on one thread, because test processes run side by side."""

import os

# Read when torch is imported. Two processes with two threads each on two cores wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

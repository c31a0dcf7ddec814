"""What Lockstep costs, and where it bends: measured counts, assumed times, list prices. The page is docs/cost.md."""

"""`lockstep redrive`: what failed is started again, once, by its name."""

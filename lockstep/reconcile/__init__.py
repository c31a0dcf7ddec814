"""`lockstep reconcile`: what is out of step between the two buckets is put right through the state machine."""

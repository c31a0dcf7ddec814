"""`lockstep feed`: what has changed in the output bucket, followed, loaded, and compared with the bucket."""

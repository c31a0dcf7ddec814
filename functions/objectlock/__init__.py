"""The lock on one S3 object, and the work done under it. Dependencies point inwards: adapters know the domain."""

"""From a table's stream to files in a bucket, for any table. It knows nothing of the lock."""

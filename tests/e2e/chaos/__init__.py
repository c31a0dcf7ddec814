"""A storm: many changes, while AWS fails, workers die, executions are stopped, and events come twice, in any order."""

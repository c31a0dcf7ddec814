"""The operator's tool: the local stack, and what one does with a deployed one."""

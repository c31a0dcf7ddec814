"""The history in the terminal."""

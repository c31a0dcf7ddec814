"""The visual history: what happened to each object, in the browser, in one file, and in the terminal."""

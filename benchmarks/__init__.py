"""Time and memory of competency, commit by commit."""

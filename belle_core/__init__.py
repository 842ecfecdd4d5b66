"""Core of belle."""

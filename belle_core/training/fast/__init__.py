"""Pieces of transformers' models with a backward pass of their own: same numbers, less work and memory."""

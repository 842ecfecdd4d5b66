"""Text generation: with transformers and with llama.cpp."""

"""What training methods share: loading, encoding, batches, the loop, saving. The only core package that needs torch."""

import os

# oneDNN, and torch above it, keep the kernels of the last 1,024 products each; with batches of all lengths that comes to a
# gigabyte. With so many, layers that are alike still find each other's. Both are read at the first product.
os.environ.setdefault("LRU_CACHE_CAPACITY", "16")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

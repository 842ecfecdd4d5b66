"""What training methods share: loading, encoding, batches, the loop, saving. The only core package that needs torch."""

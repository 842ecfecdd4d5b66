"""Self-instruct in Chinese, as BELLE made its data after Alpaca."""

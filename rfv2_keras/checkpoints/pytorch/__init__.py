"""The files of PyTorch libraries: what they hold, what it is called, and configs; nothing here needs PyTorch."""

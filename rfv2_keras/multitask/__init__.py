"""Multi-task training: which task an update draws, and how the gradients of tasks meet."""

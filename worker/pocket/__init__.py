"""The small built-in inpainting model, and everything needed to train it again from nothing."""

"""From a caller's picture and mask to what the model sees, and from the model's pixels back to the whole picture."""

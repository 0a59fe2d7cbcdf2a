"""fal's queue: /fal/{owner}/{app}. Asynchronous, JSON, white in a mask is repainted, as here."""

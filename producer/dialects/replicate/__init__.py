"""Replicate predictions: /replicate/v1. Asynchronous, JSON, white in a mask is repainted, as here."""

"""AUTOMATIC1111's web UI: /a1111/sdapi/v1. Synchronous, JSON, white in a mask is repainted, as here."""

"""The engine: step-level continuous batching of inpainting requests on one device."""

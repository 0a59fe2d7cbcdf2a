"""OpenAI image edits: POST /openai/v1/images/edits. Synchronous, a form, what is transparent in a mask is edited."""

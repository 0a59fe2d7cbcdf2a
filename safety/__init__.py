"""What is allowed: judgement of prompts, images and results, and the marks every result carries.

Pure: no SQL, no HTTP, no Celery. Classifiers, keys and certificates are handed in by the caller.
"""

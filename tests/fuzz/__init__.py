"""Requests that schemathesis makes up from the OpenAPI document, within its rules and against them.

python -m tests.fuzz [--cases 5000] [--seed 1]      (make fuzz)

Whatever is sent, the answer is no fault of ours and keeps to the document: its status is declared there, and its
content type, headers and body are as declared.
"""

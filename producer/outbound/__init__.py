"""Requests to places that a caller named: only to checked addresses, within one deadline, with nothing of ours."""

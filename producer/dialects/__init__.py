"""Other services' interfaces, spoken well enough for their own clients: a change of base URL is all it takes.

Each dialect is a thin translation onto `Submitter.submit()` and the reader of jobs. Its routes stand below a prefix of
its own, and its errors are the problems of the native interface in its own words (see rewording.py), so nothing is
judged, limited or refused in two ways. docs/migrating.md says what each understands and what it refuses.
"""

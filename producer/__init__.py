"""How people ask: the HTTP interface, the Python client, the command line and the keeper."""

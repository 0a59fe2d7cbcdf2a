"""`make demo`: the whole service in a temporary folder, real jobs on photographs, a table and a contact sheet."""

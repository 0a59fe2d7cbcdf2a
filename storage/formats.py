"""Formats of a job's row and of the message that rings for it, so that versions can work side by side.

A row says in `format` how it is to be read. A worker claims no row of a format that it does not know; the row stays
queued for one that does. A release that brings a new format, READS + 1, reads it and goes on writing the old one;
the release after it writes it. So two versions in a row can always work on one database, whichever was started first.

A new name in `params` with a default needs no new format unless a worker that ignored it would do something wrong: a
reader passes over names that it does not know, and fills in defaults for names that it misses. A new value of an
enumeration, a new meaning of a name and a new place of an object do need one.
"""

from __future__ import annotations

READS = 1
"""The newest format that this version understands; it understands every older one."""
WRITES = 1
"""The format of what this version writes: READS, or one less in the release that brings a new one."""
HEADER = "inpaintd_format"
"""The header of a message that says in which format its sender writes. A ring is answered whatever it says: it only
wakes, and which rows a worker takes is decided by the rows."""

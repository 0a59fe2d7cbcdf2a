"""Whether a program in this container answers, for images without curl: `python -P -m producer.probe ADDRESS`

Only the standard library is loaded, for it runs every few seconds. Exit status 0 for an answer of 200, else 1.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

SECONDS = 3.0


def answers(address: str) -> bool:
    """Whether `address`, plain HTTP on this machine, answers 200 within SECONDS. No proxy is used."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)

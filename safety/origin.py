"""Whether a picture that comes in was made here, or says of itself where it comes from."""

from safety.credentials import CONTENT_TYPES, read
from safety.errors import CredentialsError
from safety.evidence import WHOLE, Evidence, Scores


class OriginSource:
    """`origin.own_mark`, `origin.credentials`, `origin.own_credentials`, `origin.unreadable`: 1 for yes, 0 for no.

    Whether the pixels carry our watermark; whether the file carries content credentials, and whether we signed them;
    whether it carries some that cannot be read, which is no fault of the picture.
    """

    name = "origin"
    version = "1"

    def __init__(self, anchors: str) -> None:
        """`anchors` are the root certificates (PEM) of our own credentials."""
        self._anchors = anchors

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource. Raises ValueError without a submission that can be asked for its mark."""
        sent = evidence.submission
        if sent is None or sent.own_mark is None:
            raise ValueError("there is no file to look at")
        own = sent.own_mark.found() is not None
        return {WHOLE: {"own_mark": float(own), **self._credentials(sent.data, sent.content_type)}}

    def _credentials(self, data: bytes, content_type: str) -> dict[str, float]:
        found, unreadable = None, False
        if content_type in CONTENT_TYPES:
            try:
                found = read(data, content_type, self._anchors)
            except CredentialsError:
                unreadable = True
        own = found is not None and found.signed_here
        named = {"credentials": found is not None, "own_credentials": own, "unreadable": unreadable}
        return {name: float(value) for name, value in named.items()}

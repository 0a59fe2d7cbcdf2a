"""Signing in with a name and a password."""

from __future__ import annotations

from producer.moderation.passwords import fits
from storage.errors import ModeratorNotFound
from storage.moderator_store import Moderator, ModeratorStore


def sign_in(store: ModeratorStore, name: str, password: str) -> Moderator | None:
    """The account, or None: for a wrong name, a wrong password, a disabled account, and while tries are barred.

    All of these look alike and take a hash's time, so that nobody learns which names there are. Raises
    DatabaseUnavailable.
    """
    try:
        # No name has a NUL, and PostgreSQL takes none even in a question.
        account = store.named(name.replace("\0", ""))
    except ModeratorNotFound:
        account = None
    good = fits(password, None if account is None else account.password)
    if account is None or account.disabled_at is not None or account.is_barred:
        return None
    store.note_sign_in(account, good=good)
    return account if good else None

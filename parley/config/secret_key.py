"""The key that signs sessions and links: made once, then kept beside the data."""

import os
import secrets
import tempfile
from pathlib import Path


def keep_secret_key(file: Path) -> None:
    """Make sure that `file` holds a secret key that only its owner can read.

    Two processes may come at once: the first to link its file wins, and both go on with that one.
    """
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, mine = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "w") as new:
            new.write(secrets.token_urlsafe(48))
        os.link(mine, file)
    except FileExistsError:
        pass
    finally:
        os.unlink(mine)

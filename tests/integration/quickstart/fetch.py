#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a reader of a lake in Azure sees, copied into a folder: fetch.py URL KEY_FILE FOLDER

Plain HTTP with a signature; shares nothing with lakefeed. Files that are there stay, since no file of a lake changes.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "adls"))
from plain_client import Account, Place  # noqa: E402


def main(url, key_file, folder):
    place = Place.of_url(url)
    key = pathlib.Path(key_file).read_text("utf-8").strip()
    Account.of_url(url, key=key).mirror(place.filesystem, place.prefix, folder)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])

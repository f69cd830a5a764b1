# SPDX-License-Identifier: Apache-2.0
"""What stands in a storage account, as the official SDK reads it."""

import pathlib

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.filedatalake import DataLakeServiceClient

import adls
from adls import ACCOUNT, FILESYSTEM

COPY_ATTEMPTS = 50


def client(server):
    # Path style over http: the only form in which the SDK takes a key without TLS.
    return DataLakeServiceClient(f"{server.base}/{ACCOUNT}", credential=server.key, retry_total=0)


class Replaced(Exception):
    """Since it was listed."""


class Copy:
    """A folder that is brought to what stands below a prefix, with the locations of model.json turned to it."""

    def __init__(self, server, prefix, folder):
        self.server, self.prefix = server, prefix
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.known = {}

    def refresh(self):
        """What stood there at one moment: model.json is the same before and after the files were fetched."""
        for _ in range(COPY_ATTEMPTS):
            with client(self.server) as service:
                if self.copy_once(service.get_file_system_client(FILESYSTEM)):
                    return self.folder
        raise AssertionError("model.json changes faster than it can be copied")

    def copy_once(self, files):
        listed = self.listed(files)
        try:
            for path in sorted(listed, key=lambda path: path == "model.json"):
                if self.known.get(path) != listed[path]:
                    self.fetch(files, path, listed[path])
        except Replaced:
            return False
        except HttpResponseError as error:
            if error.status_code not in (404, 412, 416):
                raise
            return False
        for path in self.known.keys() - listed.keys():
            (self.folder / path).unlink()
        self.known = listed
        return True

    def listed(self, files):
        try:
            items = [item for item in files.get_paths(self.prefix, recursive=True) if not item.is_directory]
        except ResourceNotFoundError:
            return {}
        return {item.name[len(self.prefix) + 1 :]: item.etag.strip('"') for item in items}

    def fetch(self, files, path, etag):
        """The version that was listed, or an error."""
        file = files.get_file_client(f"{self.prefix}/{path}")
        properties = file.get_file_properties()
        if properties.etag.strip('"') != etag:
            raise Replaced(path)
        data = file.download_file().readall() if properties.size else b""
        if path == "model.json" or path.startswith("_lakefeed/commits/"):
            data = data.replace(self.server.url(self.prefix).encode(), str(self.folder).encode())
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


class SdkWorld(adls.AdlsWorld):
    """`lake` is a copy that the SDK brings up to date whenever it is asked for."""

    def __init__(self, folder, server, **options):
        self.sdk_copy = Copy(server, "shop", pathlib.Path(folder) / "what the SDK reads")
        super().__init__(folder, server, **options)
        self.configure()

    @property
    def lake(self):
        return self.sdk_copy.refresh()

    @lake.setter
    def lake(self, _):
        pass

    def mirror(self):
        pass

    def read(self, lake=None):
        return adls.lake_reader.Lake(lake or self.lake)

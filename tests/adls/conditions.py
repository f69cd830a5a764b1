# SPDX-License-Identifier: Apache-2.0
"""The conditional headers, with the difference between 409 and 412 that each call makes."""

from clock import parse_http_date
from errors import ServiceError


def check(node, headers, exists_code="ConditionNotMet", prefix="", failed="ConditionNotMet", reading=False):
    """`node` is None when there is nothing. `exists_code` answers If-None-Match: * on something."""
    match = headers.get(prefix + "if-match") or None
    none_match = headers.get(prefix + "if-none-match") or None
    modified = headers.get(prefix + "if-modified-since") or None
    unmodified = headers.get(prefix + "if-unmodified-since") or None
    if match and none_match:
        raise ServiceError("MultipleConditionHeadersNotSupported")
    if match and (node is None or (match != "*" and node.etag not in split(match))):
        raise ServiceError(failed)
    if none_match and node is not None:
        if none_match == "*":
            raise ServiceError("ConditionNotMet", status=304) if reading else ServiceError(exists_code)
        if node.etag in split(none_match):
            raise ServiceError(failed, status=304 if reading else None)
    if modified and node is not None and int(node.modified) <= date_of(modified):
        raise ServiceError(failed, status=304 if reading else None)
    if unmodified and (node is None or int(node.modified) > date_of(unmodified)):
        raise ServiceError(failed)


def split(text):
    return [part.strip() for part in text.split(",")]


def date_of(text):
    seconds = parse_http_date(text)
    if seconds is None:
        raise ServiceError("InvalidHeaderValue", f"'{text}' is no date.")
    return seconds

# SPDX-License-Identifier: Apache-2.0
"""The clock of the service, which tests move, and the time formats of the protocol."""

import calendar
import re
import time

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EPOCH_TICKS = 116444736000000000  # 1601 to 1970 in units of 100 ns
NET_TICKS = 621355968000000000  # the year 1 to 1970; ETags begin like those of the service


class Clock:
    """`advanced` moves what runs out (leases, tokens, uncommitted data); `skew` what the service calls the date."""

    def __init__(self):
        self.advanced = 0.0
        self.skew = 0.0
        self.last_tick = 0

    def steady(self):
        return time.time() + self.advanced

    def date(self):
        return time.time() + self.skew

    def tick(self):
        """Larger at each call; makes ETags and is never used as a time. The caller holds the lock of the store."""
        self.last_tick = max(self.last_tick + 1, time.time_ns() // 100 + NET_TICKS)
        return self.last_tick


def http_date(seconds):
    when = time.gmtime(seconds)
    return (
        f"{DAYS[when.tm_wday]}, {when.tm_mday:02} {MONTHS[when.tm_mon - 1]} {when.tm_year} "
        f"{when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02} GMT"
    )


def parse_http_date(text):
    """Seconds, or None when it is no date of RFC 1123."""
    match = re.fullmatch(r"(\w{3}), (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT", text.strip())
    if not match or match[1] not in DAYS or match[3] not in MONTHS:
        return None
    fields = (int(match[4]), MONTHS.index(match[3]) + 1, int(match[2]), int(match[5]), int(match[6]), int(match[7]))
    return calendar.timegm(fields)


def iso_date(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 10_000_000):07}Z"


def parse_iso_date(text):
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?Z)?", text)
    if not match:
        return None
    return calendar.timegm(tuple(int(part or 0) for part in match.groups()))

# SPDX-License-Identifier: Apache-2.0
"""The lease of one file: its state machine and what a write or a read with or without a lease id may do."""

import re
import uuid

from errors import ServiceError

GUID = re.compile(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?")


def parse_guid(text, name):
    if not text or not GUID.fullmatch(text):
        raise ServiceError("InvalidHeaderValue", f"{name} is not a GUID.")
    return str(uuid.UUID(text))


class Lease:
    """State is available, leased, breaking, broken or expired; the last three are what the clock makes of it."""

    def __init__(self, clock, stored=None):
        self.clock = clock
        self.id, self.duration, self.ends, self.kind = stored or (None, None, None, "available")

    def to_json(self):
        return (self.id, self.duration, self.ends, self.kind)

    def state(self):
        if self.kind == "leased" and self.ends is not None and self.clock.steady() >= self.ends:
            return "expired"
        if self.kind == "breaking" and self.clock.steady() >= self.ends:
            return "broken"
        return self.kind

    def headers(self):
        state = self.state()
        locked = state in ("leased", "breaking")
        headers = [("x-ms-lease-state", state), ("x-ms-lease-status", "locked" if locked else "unlocked")]
        if state == "leased":
            headers.append(("x-ms-lease-duration", "infinite" if self.duration == -1 else "fixed"))
        return headers

    def _start(self, lease_id, duration):
        self.id, self.duration, self.kind = lease_id, duration, "leased"
        self.ends = None if duration == -1 else self.clock.steady() + duration

    def acquire(self, proposed, duration):
        state = self.state()
        if state == "breaking":
            same = proposed and proposed == self.id
            raise ServiceError("LeaseIsBreakingAndCannotBeAcquired" if same else "LeaseAlreadyPresent")
        if state == "leased" and (not proposed or proposed != self.id):
            raise ServiceError("LeaseAlreadyPresent")
        self._start(proposed or str(uuid.uuid4()), duration)

    def renew(self, lease_id):
        state = self.state()
        if lease_id != self.id or state == "available":
            raise ServiceError("LeaseIdMismatchWithLeaseOperation")
        if state in ("breaking", "broken"):
            raise ServiceError("LeaseIsBrokenAndCannotBeRenewed")
        self._start(self.id, self.duration)

    def change(self, lease_id, proposed):
        state = self.state()
        if state in ("available", "broken", "expired"):
            raise ServiceError("LeaseNotPresentWithLeaseOperation")
        if lease_id != self.id and proposed != self.id:
            raise ServiceError("LeaseIdMismatchWithLeaseOperation")
        if state == "breaking":
            raise ServiceError("LeaseIsBreakingAndCannotBeChanged")
        self.id = proposed

    def release(self, lease_id):
        if self.state() == "available" or lease_id != self.id:
            raise ServiceError("LeaseIdMismatchWithLeaseOperation")
        self.id, self.duration, self.ends, self.kind = None, None, None, "available"

    def break_(self, period, again_is_error):
        """Returns the seconds until it is broken."""
        state = self.state()
        now = self.clock.steady()
        if state == "available":
            raise ServiceError("LeaseNotPresentWithLeaseOperation")
        if state == "broken" and again_is_error:
            raise ServiceError("LeaseIsAlreadyBroken")
        if state in ("broken", "expired"):
            self.kind = "broken"
            return 0
        left = 0 if self.ends is None else self.ends - now
        if period is None:
            wait = left
        elif self.ends is None:
            wait = period
        else:
            wait = min(period, left)
        self.kind = "breaking" if wait > 0 else "broken"
        self.ends = now + wait
        return int(wait + 0.999)

    def break_by_overwrite(self):
        """Create and rename on top of a leased file."""
        if self.state() in ("leased", "breaking"):
            self.kind = "broken"
            self.ends = self.clock.steady()

    def check_write(self, lease_id, blob):
        state = self.state()
        if state in ("leased", "breaking"):
            if not lease_id:
                raise ServiceError("LeaseIdMissing")
            if lease_id != self.id:
                raise ServiceError("LeaseIdMismatchWithBlobOperation" if blob else "LeaseIdMismatch")
        elif lease_id:
            if state != "available" and lease_id == self.id:
                raise ServiceError("LeaseLost")
            raise ServiceError("LeaseNotPresentWithBlobOperation" if blob else "LeaseNotPresent")

    def check_read(self, lease_id, blob):
        if lease_id:
            self.check_write(lease_id, blob)

    def was_written(self):
        """An expired lease can be renewed only as long as nobody wrote."""
        if self.state() in ("expired", "broken"):
            self.id, self.duration, self.ends, self.kind = None, None, None, "available"

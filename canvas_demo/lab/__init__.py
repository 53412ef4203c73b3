"""The library of the notebooks: an observer from outside, by plain calls.

It speaks to the stack as anybody could: HTTP, websockets, SQL, Kafka, Connect's REST, gRPC. It knows
none of the modules' code.
"""

from canvas_demo.lab.api import ApiError
from canvas_demo.lab.checks import NotYet, Unmet, assert_no_background_errors, expect, expect_none, refused, until
from canvas_demo.lab.commands import check_imports
from canvas_demo.lab.connection import connect
from canvas_demo.lab.events_copy import EventsCopy
from canvas_demo.lab.forging import forged_tokens, read_token
from canvas_demo.lab.grpc import CallRefused
from canvas_demo.lab.session import Lab
from canvas_demo.lab.sockets import Refused

__all__ = [
    "ApiError",
    "CallRefused",
    "EventsCopy",
    "Lab",
    "NotYet",
    "Refused",
    "Unmet",
    "assert_no_background_errors",
    "check_imports",
    "connect",
    "expect",
    "expect_none",
    "forged_tokens",
    "read_token",
    "refused",
    "until",
]

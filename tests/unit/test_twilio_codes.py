"""What Twilio's error codes mean: each says what to do, and how far the trouble reaches."""

import pytest

from gateway.clients.twilio.codes import CODES, Concern, Meaning, concern
from gateway.clients.twilio.refusals import OutcomeUnknown, certain, refusal
from gateway.errors import VendorError, VendorRejected, VendorTimeout, VendorUnreachable, VendorUnusable

DOCUMENTED = [
    *[
        20003,
        20005,
        20404,
        20429,
        21201,
        21205,
        21208,
        21210,
        21211,
        21212,
        21213,
        21214,
        21215,
        21216,
        21217,
    ],
    *[21218, 21219, 21220, 10002, 10004, 13214, 13224, 13227, 13805, 14111, 15004, 32018, 573002, 573005],
]


@pytest.mark.parametrize("code", DOCUMENTED)
def test_each_code_says_what_to_do(code: int) -> None:
    remedy = refusal(400, code, "No.").remedy
    assert remedy == CODES[code].remedy
    assert remedy.endswith(".")


@pytest.mark.parametrize("meaning", CODES.values())
def test_every_meaning_is_a_sentence(meaning: Meaning) -> None:
    assert meaning.remedy[0].isupper()
    assert meaning.remedy.endswith(".")


def test_a_code_that_is_not_known_leads_to_its_page() -> None:
    error = refusal(400, 29999, "No.")
    assert error.remedy == "See https://www.twilio.com/docs/api/errors/29999"
    assert concern(error) is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21211, VendorRejected),
        (400, 10004, VendorUnusable),
        (429, 20429, VendorUnusable),
        (429, None, VendorUnusable),
        (500, 20500, VendorUnusable),
        (404, None, VendorRejected),
        ("odd", [], VendorUnusable),
    ],
)
def test_what_may_be_tried_again_is_told_apart(status: object, code: object, kind: type[VendorError]) -> None:
    error = refusal(status, code, "No." * 1000)
    assert (type(error), len(str(error)) < 300) == (kind, True)


@pytest.mark.parametrize(
    ("error", "sure"),
    [
        (VendorUnreachable(), True),
        (VendorRejected(status=400, code=21211), True),
        (VendorUnusable(status=429), True),
        (VendorUnusable(status=400, code=10004), True),
        (VendorUnusable(status=500, code=20500), False),
        (VendorUnusable(), False),
        (VendorTimeout(), False),
        (OutcomeUnknown(), False),
    ],
    ids=repr,
)
def test_only_some_errors_say_that_nothing_was_done(error: VendorError, sure: bool) -> None:
    assert certain(error) is sure


def test_the_reach_of_a_trouble_is_told() -> None:
    assert concern(VendorRejected(code=21211)) is Concern.CALLEE
    assert concern(VendorRejected(code=21210)) is Concern.CALLER_ID
    assert concern(VendorRejected()) is None

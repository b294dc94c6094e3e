"""What goes wrong with a request to Twilio, said in the gateway's terms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from gateway.clients.twilio.codes import CODES, Concern
from gateway.errors import VendorError, VendorRejected, VendorTimeout, VendorUnusable

_ODD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the library raises over an answer that is JSON of another form, or none."""
_LARGEST_STATUS: Final = 599
"""The library gives the HTTP status as the code of an answer that has none."""


class OutcomeUnknown(VendorTimeout):
    """Twilio may have placed the call or not; asking again might call somebody twice."""

    retryable = False
    remedy = "Look for the call in Twilio's list, or wait for its callbacks, before placing another."


@contextmanager
def translating() -> Iterator[None]:
    """Say in our terms what Twilio's library raises: its own errors, or any other over an odd answer.

    Raises:
        VendorError: the request failed.
    """
    try:
        yield
    except TwilioRestException as error:
        raise refusal(error.status, error.code, str(error.msg)) from None
    except TwilioServiceException as error:
        raise refusal(error.status, error.code, str(error.detail or error.title)) from None
    except (TwilioException, *_ODD) as error:
        raise VendorUnusable(f"Twilio's answer can't be used: {type(error).__name__}") from None


def refusal(status: object, code: object, message: str, *, retry_after_s: float | None = None) -> VendorError:
    """The error for an answer that is none of success; its parts are as the answer had them."""
    status = status if isinstance(status, int) else 500
    code = code if isinstance(code, int) else status
    meaning = CODES.get(code)
    passing = meaning is not None and meaning.concern is Concern.RATE
    kind = VendorRejected if 400 <= status < 500 and status != 429 and not passing else VendorUnusable
    page = f"See https://www.twilio.com/docs/api/errors/{code}" if code > _LARGEST_STATUS else None
    return kind(
        f"Twilio answered {status}, code {code}",
        remedy=meaning.remedy if meaning else page,
        status=status,
        code=code,
        retry_after_s=retry_after_s,
        said=message[:200],
    )


def certain(error: VendorError) -> bool:
    """Whether an error says for sure that nothing was done."""
    if isinstance(error, VendorTimeout):
        return False
    meaning = CODES.get(error.code or 0)
    throttled = error.status == 429 or (meaning is not None and meaning.concern is Concern.RATE)
    return throttled or not isinstance(error, VendorUnusable)

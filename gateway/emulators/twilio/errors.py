"""The REST API's errors, in the form of the 2010 API (https://www.twilio.com/docs/api/errors)."""

from starlette.responses import JSONResponse

from gateway.errors import GatewayError

# HTTP status and message of each code the emulator gives.
ERRORS: dict[int, tuple[int, str]] = {
    10002: (400, "Trial account does not support this feature"),
    10004: (429, "Call concurrency limit exceeded"),
    15004: (400, "Relative action URLs are not allowed in TwiML given by REST"),
    20001: (400, "Bad request"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20005: (401, "Account not active"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal server error"),
    20504: (504, "Gateway timeout"),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url is not a valid URL"),
    21208: (400, "Timeout is not valid"),
    21209: (400, "Method is not valid"),
    21210: (400, "'From' phone number not verified"),
    21211: (400, "The 'To' number is not a valid phone number"),
    21212: (400, "The 'From' number is not a valid phone number"),
    21213: (400, "No 'From' number is specified"),
    21214: (400, "The 'To' number cannot be reached"),
    21215: (400, "Account not authorized to call the 'To' number"),
    21216: (400, "Account not allowed to call the 'To' number"),
    21217: (400, "The 'To' number is not a phone number"),
    21218: (400, "ApplicationSid is not valid"),
    21219: (400, "The 'To' number is not verified"),
    21220: (400, "Call is not in-progress. Cannot redirect."),
    32018: (400, "Twiml is longer than 4000 characters"),
}


class RestRefused(GatewayError):
    """The API refuses a request.

    Attributes:
        code: Twilio's error code.
        status: HTTP status.

    """

    def __init__(self, code: int, detail: str = "", *, status: int | None = None) -> None:
        known_status, message = ERRORS.get(code, (400, "Bad request"))
        super().__init__(f"{message}: {detail}" if detail else message)
        self.code = code
        self.status = status or known_status


def error_response(refused: RestRefused) -> JSONResponse:
    """The body Twilio answers a bad request with."""
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if refused.status == 401 else None
    body = {
        "code": refused.code,
        "message": str(refused),
        "more_info": f"https://www.twilio.com/docs/errors/{refused.code}",
        "status": refused.status,
    }
    return JSONResponse(body, status_code=refused.status, headers=headers)

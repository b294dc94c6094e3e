"""Which problem an error of the gateway becomes."""

from typing import Annotated, ClassVar

import pytest
from pydantic import BaseModel, ValidationError, WrapValidator
from structlog.testing import capture_logs

from gateway.errors import (
    BridgeError,
    DialRefused,
    SettingsError,
    TemplateError,
    VendorRejected,
    VendorThrottled,
    VendorTimeout,
    VendorUnusable,
)
from gateway.store.errors import CursorRefused, KeyReused, StoreUnavailable
from gateway.web.api import trouble
from gateway.web.api.fields import one_reason
from gateway.web.api.problem import FieldError, Kind, Problem, VendorWords
from gateway.web.api.trouble import problem_of

SECRET = "canary-in-an-error"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Problem(Kind.CONFLICT, "as it is"), Kind.CONFLICT),
        (VendorRejected("Twilio answered 400"), Kind.VENDOR),
        (VendorTimeout("Vatel did not answer"), Kind.VENDOR),
        (VendorUnusable("Twilio answered 500", status=500), Kind.VENDOR),
        (VendorThrottled("Vatel answered 429"), Kind.VENDOR_BUSY),
        (VendorUnusable("Twilio answered 429", status=429), Kind.VENDOR_BUSY),
        (DialRefused("no"), Kind.REFUSED),
        (TemplateError("no"), Kind.REFUSED),
        (StoreUnavailable("away"), Kind.UNAVAILABLE),
        (SettingsError("TWILIO_ACCOUNT_SID: is missing"), Kind.UNAVAILABLE),
        (CursorRefused(), Kind.INVALID),
        (KeyReused(), Kind.INVALID),
        (BridgeError("ours"), Kind.INTERNAL),
        (RuntimeError("anything"), Kind.INTERNAL),
    ],
)
def test_every_error_has_its_kind(error: Exception, kind: Kind) -> None:
    assert problem_of(error, "test").kind is kind


def test_a_bad_cursor_is_two_whole_sentences() -> None:
    (field,) = problem_of(CursorRefused(), "list_calls").errors
    assert field.reason == "The cursor was not made by this list. Begin the list anew without a cursor."


def test_a_vendors_words_are_passed_on() -> None:
    error = VendorRejected("Twilio answered 400, code 21211", status=400, code=21211, remedy="Check it.")
    assert problem_of(error, "test").vendor == VendorWords(
        name="Twilio", status=400, code=21211, message="Twilio answered 400, code 21211. Check it."
    )


@pytest.mark.parametrize(("asked", "told"), [(None, "5"), (0.2, "1"), (2.5, "3"), (1e9, "3600")])
def test_a_busy_vendors_wait_is_passed_on_within_bounds(asked: float | None, told: str) -> None:
    error = VendorThrottled("Vatel answered 429", status=429, retry_after_s=asked)
    assert problem_of(error, "test").headers == {"Retry-After": told}


def test_a_refused_number_names_its_field_and_code() -> None:
    error = DialRefused("Premium numbers are not called.", code="premium", field="to")
    assert problem_of(error, "test").errors == (
        FieldError(field="to", reason="Premium numbers are not called.", code="premium"),
    )


@pytest.mark.parametrize("text", ["short numbers are not called", "short numbers are not called."])
def test_what_to_do_about_a_refusal_is_a_sentence_of_its_own(text: str) -> None:
    problem = problem_of(DialRefused(text, remedy="Give another."), "test")
    assert problem.detail == "short numbers are not called. Give another."


class _Mixed(BaseModel):
    value: Annotated[str | int, WrapValidator(one_reason("must be a text or a number"))]


def test_a_value_of_none_of_its_types_is_wrong_for_one_reason() -> None:
    assert _Mixed.model_validate({"value": 3}).value == 3
    with pytest.raises(ValidationError) as caught:
        _Mixed.model_validate({"value": [SECRET]})
    assert trouble.validation(caught.value).errors == (
        FieldError(field="value", reason="must be a text or a number"),
    )


def test_an_incident_is_logged_with_its_place_and_without_its_text() -> None:
    def fail() -> None:
        raise RuntimeError(SECRET)

    with capture_logs() as lines:
        try:
            fail()
        except RuntimeError as error:
            problem = problem_of(error, "get_call")
    [line] = lines
    assert line["incident"] == problem.incident
    assert line["endpoint"] == "get_call"
    assert line["error"] == "RuntimeError"
    assert line["where"].startswith("fail:")
    assert SECRET not in f"{line} {problem.answer()}"


class _Form(BaseModel):
    model_config: ClassVar = {"extra": "forbid"}
    number: int
    name: str


def test_every_wrong_field_is_named_and_none_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        _Form.model_validate({"number": SECRET, "other": SECRET})
    problem = trouble.validation(caught.value)
    assert {each.field for each in problem.errors} == {"number", "name", "other"}
    assert SECRET not in problem.answer().model_dump_json()


def test_what_is_no_json_is_malformed() -> None:
    with pytest.raises(ValidationError) as caught:
        _Form.model_validate_json(f'{{"{SECRET}')
    problem = trouble.validation(caught.value)
    assert problem.kind is Kind.MALFORMED
    assert SECRET not in problem.detail

"""The tree of errors: each says whose fault it is, whether trying again is safe, and what to do."""

import re

import pytest

from gateway import errors
from gateway.errors import Fault, GatewayError, ToolError, VendorError, VendorTimeout, WireError


def family(kind: type[GatewayError]) -> list[type[GatewayError]]:
    return [kind, *[each for child in kind.__subclasses__() for each in family(child)]]


TREE = [kind for kind in family(GatewayError) if kind.__module__ == errors.__name__]


def test_the_outline_names_the_whole_tree() -> None:
    outline = re.findall(r"(?m)^[│├└─ ]*(\w+)(?:  .*)?$", errors.__doc__ or "")
    assert sorted(name for name in outline if name) == sorted(kind.__name__ for kind in TREE)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_each_error_explains_itself(kind: type[GatewayError]) -> None:
    error = kind()
    assert str(error) == (kind.__doc__ or "").partition("\n")[0]
    assert str(error).endswith(".")
    assert error.remedy.endswith(".")
    assert error.fault in Fault
    assert (str(kind("said")), kind("said", remedy="do").remedy) == ("said", "do")


def test_faults_lie_where_the_tree_says() -> None:
    faults = {kind.__name__: kind.fault.value for kind in TREE}
    assert faults == {
        "GatewayError": "gateway",
        "SettingsError": "operator",
        "DialRefused": "operator",
        "TemplateError": "operator",
        "EgressRefused": "operator",
        "BridgeError": "gateway",
        "WireError": "peer",
        "Refused": "peer",
        "SignatureRefused": "peer",
        "TicketRefused": "peer",
        "VendorError": "vendor",
        "VendorTimeout": "vendor",
        "VendorUnreachable": "vendor",
        "VendorRejected": "vendor",
        "VendorUnusable": "vendor",
        "VendorUnauthorized": "vendor",
        "VendorForbidden": "vendor",
        "VendorNotFound": "vendor",
        "VendorConflict": "vendor",
        "VendorThrottled": "vendor",
        "VendorUpstream": "vendor",
        "VendorUnavailable": "vendor",
        "VendorGarbled": "vendor",
        "EndpointError": "peer",
        "EndpointFailed": "peer",
        "EndpointTimeout": "peer",
        "EndpointRejected": "peer",
        "EndpointGone": "peer",
        "ToolError": "tool",
    }


def test_only_passing_troubles_of_vendors_may_be_tried_again() -> None:
    retryable = {kind.__name__ for kind in TREE if kind.retryable}
    assert retryable == {
        "VendorTimeout",
        "VendorUnreachable",
        "VendorUnusable",
        "VendorThrottled",
        "VendorUpstream",
        "VendorUnavailable",
        "VendorGarbled",
        "EndpointFailed",
        "EndpointTimeout",
    }


def test_the_particulars_of_an_error_are_kept() -> None:
    error = VendorError("no", status=429, code=20429, retry_after_s=2.0)
    assert (error.status, error.code, error.retry_after_s) == (429, 20429, 2.0)
    assert (VendorTimeout().status, VendorTimeout().code, VendorTimeout().retry_after_s) == (None, None, None)
    assert (ToolError("no").code, ToolError("no", code="timeout").code) == ("failed", "timeout")


def test_a_remedy_of_one_error_is_not_that_of_the_next() -> None:
    assert WireError("a", remedy="do this").remedy == "do this"
    assert WireError("b").remedy == WireError.remedy

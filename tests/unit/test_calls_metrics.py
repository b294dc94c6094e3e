"""The metrics: one registry an application, names of one form, no label that is one call's."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.calls.metrics import Metrics

LABELS = {"reason", "ending", "by", "door", "what", "tool", "outcome", "status", "le"}


def test_metrics_are_served_in_a_form_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.live.set(2)
    metrics.admitted.inc()
    metrics.down.observe(0.003)
    metrics.doors.labels("/twilio/media", "signature").inc()
    families = {
        family.name: family
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }
    assert families["vatel_gateway_calls_live"].samples[0].value == 2.0
    assert families["vatel_gateway_calls_admitted"].samples[0].value == 1.0
    names = {name for name in families if not name.endswith("_created")}
    assert all(name.startswith("vatel_gateway_") and families[name].documentation for name in names)
    assert {
        label for family in families.values() for sample in family.samples for label in sample.labels
    } <= LABELS


def test_histograms_are_in_seconds() -> None:
    metrics = Metrics()
    histograms = {family.name for family in metrics.registry.collect() if family.type == "histogram"}
    assert len(histograms) == 12
    assert all(name.endswith("_seconds") for name in histograms)


def test_two_gateways_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.admitted.inc()
    assert second.registry.get_sample_value("vatel_gateway_calls_admitted_total") == 0.0

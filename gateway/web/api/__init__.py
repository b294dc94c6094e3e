"""The REST API: tables of endpoints, one file per subject, and the door that serves any of them."""

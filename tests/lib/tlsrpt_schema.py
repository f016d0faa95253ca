# SPDX-License-Identifier: ISC
"""RFC 8460 section 4.4 as a JSON Schema: what a report on TLS has to be."""

TEXT = {"type": "string", "minLength": 1, "maxLength": 1000}
COUNT = {"type": "integer", "minimum": 0}
# RFC 3339.
TIME = {"type": "string", "pattern":
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
NAME = {"type": "string", "pattern": r"^([a-z0-9_-]+\.)*[a-z0-9-]+$"}
ADDRESS = {"type": "string", "pattern": r"^[0-9a-f:.]{2,45}$"}
# The text has one pattern, the example of appendix B a list of them.
PATTERN = {"type": "string", "pattern": r"^(\*\.)?([a-z0-9_-]+\.)*[a-z0-9-]+$"}
# Section 4.3.
RESULTS = [
    "starttls-not-supported", "certificate-host-mismatch",
    "certificate-expired", "certificate-not-trusted", "validation-failure",
    "tlsa-invalid", "dnssec-invalid", "dane-required",
    "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"]


def record(required, **properties):
    """An object with these members, and no others."""
    named = {name.replace("_", "-"): kind for name, kind in properties.items()}
    return {"type": "object", "properties": named,
            "required": [name.replace("_", "-") for name in required],
            "additionalProperties": False}


POLICY = record(
    ("policy_type", "policy_domain"),
    policy_type={"enum": ["tlsa", "sts", "no-policy-found"]},
    policy_string={"type": "array", "items": TEXT, "minItems": 1},
    policy_domain=NAME,
    mx_host={"anyOf": [PATTERN, {"type": "array", "items": PATTERN,
                                 "minItems": 1}]})
SUMMARY = record(
    ("total_successful_session_count", "total_failure_session_count"),
    total_successful_session_count=COUNT, total_failure_session_count=COUNT)
FAILURE = record(
    ("result_type", "failed_session_count"),
    result_type={"enum": RESULTS}, sending_mta_ip=ADDRESS,
    receiving_mx_hostname=NAME, receiving_mx_helo=TEXT, receiving_ip=ADDRESS,
    failed_session_count={"type": "integer", "minimum": 1},
    additional_information={"type": "string", "format": "uri"},
    failure_reason_code=TEXT)
REPORT = record(
    ("organization_name", "date_range", "contact_info", "report_id",
     "policies"),
    organization_name=TEXT, contact_info=TEXT, report_id=TEXT,
    date_range=record(("start_datetime", "end_datetime"),
                      start_datetime=TIME, end_datetime=TIME),
    policies={"type": "array", "minItems": 1, "items": record(
        ("policy", "summary"), policy=POLICY, summary=SUMMARY,
        failure_details={"type": "array", "items": FAILURE})})

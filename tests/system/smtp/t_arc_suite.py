# SPDX-License-Identifier: ISC
"""The Authenticated Received Chain: the suite of its authors (RFC 8617).

Guards against chains that count though a set is missing, doubled or changed.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.authprobe import Probe, data, zone_of      # noqa: E402
from lib.tap import Skip, Tap, check, equal         # noqa: E402

tap = Tap()
# Where the suite, which is of a draft, differs from RFC 8617: why.
DIFFERS = {
    "ams_fields_c_na": "it was signed in the relaxed form, but RFC 6376 "
                       "3.5 has simple where there is no tag c"}


def suite():
    """{name: case} of all documents, each with its DNS."""
    try:
        import yaml
    except ImportError:
        raise Skip("PyYAML is not there (Debian package python3-yaml)") \
            from None
    for part in yaml.safe_load_all(
            data("arc-validation-tests.yml").read_text()):
        for name, case in part["tests"].items():
            yield name, case, part.get("txt-records", {})


def cases_suite():
    """Each case of the suite"""
    differs = 0
    for name, case, records in suite():
        zone = {key: [value] for key, value in records.items()}
        with tap.case(f"{name}: {case['description']}"), Probe(zone) as probe:
            text = case["message"].encode()
            wanted = str(case["cv"] or "fail").lower()
            for piece in (1, 7, 65536):
                for message in (text, text.replace(b"\n", b"\r\n")):
                    got = probe.ask("arc", message, piece=piece)[0]
                    if name in DIFFERS:
                        check(got.split()[0] != wanted, "it agrees now")
                        differs += 1
                        raise Skip(DIFFERS[name])
                    equal(got.split()[0], wanted, got)


def cases_handed():
    """Messages that others made"""
    folder = data("vectors", "handed")
    with Probe(zone_of(folder / "dns.json")) as probe:
        for case in json.loads((folder / "expect.json").read_text())["cases"]:
            with tap.case(f"{case['file']}: arc={case['arc']}"):
                text = (folder / case["file"]).read_bytes()
                got = probe.ask("arc", text)[0]
                equal(got.split()[0], case["arc"], got)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()

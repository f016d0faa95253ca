# SPDX-License-Identifier: ISC
"""SPF is what RFC 7208 says it is.

The tests are the suite of that RFC, which RESTANTE_DATA has. A result that
the suite allows and we do not give would refuse mail of those who publish such
records, or let in that of somebody else.
"""
import os
from pathlib import Path

from lib import peers
from lib.dns import RealDns
from lib.resolver import Resolver
from lib.scratch import Scratch
from lib.spfsuite import Machine, Zone, ZoneDns
from lib.tap import Skip, Tap, check, equal

tap = Tap()


def scenarios():
    """The parts of the suite: tests, and the DNS that they are about."""
    try:
        import yaml
    except ImportError as missing:
        raise Skip("python3-yaml is not there") from missing
    path = Path(os.environ.get("RESTANTE_DATA", "/nowhere"),
                "rfc7208-tests.yml")
    if not path.exists():
        raise Skip("RESTANTE_DATA has no rfc7208-tests.yml")
    # Values of records are text, whatever they look like.
    return [s for s in yaml.load_all(path.read_text(encoding="utf-8"),
                                     Loader=yaml.SafeLoader) if s]


def run_test(machine, test, ask=None):
    """One test of the suite."""
    expected = test["result"]
    if not isinstance(expected, list):
        expected = [expected]
    result, explanation = machine.check(
        str(test["host"]), test["helo"], test["mailfrom"], ask)
    check(result in expected, f"{result} ({machine.reason}), not {expected}")
    check(machine.asked <= 120, f"{machine.asked} questions")
    if "explanation" in test and result == "fail":
        equal(explanation, test["explanation"].replace("DEFAULT", ""),
              "explanation")


def cases_suite():
    """The suite, with the machine alone"""
    count = 0
    with Machine() as machine:
        for scenario in scenarios():
            zone = Zone(scenario["zonedata"])
            for name, test in scenario["tests"].items():
                count += 1
                with tap.case(f"{scenario['description']}: {name}"):
                    run_test(machine, test, zone.ask)
    with tap.case("the suite has its tests"):
        equal(count, 203, "tests")


def cases_name_server():
    """The suite, through a name server"""
    for scenario in scenarios():
        zone = Zone(scenario["zonedata"])
        with ZoneDns(zone.ask) as server, Machine() as machine:
            machine.use(server.address)
            for name, test in scenario["tests"].items():
                with tap.case(f"by UDP: {scenario['description']}: {name}"):
                    run_test(machine, test)


def cases_resolver():
    """The suite, through a name server that the resolver asks"""
    with Scratch(tls=False, users=False) as scratch, Resolver(scratch):
        for scenario in scenarios():
            zone = Zone(scenario["zonedata"])
            with ZoneDns(zone.ask) as server, Machine() as machine:
                machine.use(server.address, scratch.dir / "resolver")
                for name, test in scenario["tests"].items():
                    with tap.case("by the resolver: "
                                  f"{scenario['description']}: {name}"):
                        run_test(machine, test)


def cases_nsd():
    """The suite, through NSD"""
    peers.find("nsd", "nsd")
    count = 0
    for scenario in scenarios():
        lines, zones = Zone(scenario["zonedata"]).records()
        with Scratch() as scratch, RealDns(scratch, lines, zones) as server, \
                Machine() as machine:
            machine.use(server.address)
            for name, test in scenario["tests"].items():
                count += 1
                with tap.case(f"by NSD: {scenario['description']}: {name}"):
                    run_test(machine, test)
    with tap.case("NSD was asked for all of the suite"):
        equal(count, 203, "tests")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()

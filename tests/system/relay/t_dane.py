# SPDX-License-Identifier: ISC
"""DANE (RFC 7672): what TLSA records of a mail exchanger ask for, and that
nothing goes there otherwise.

The name server says of each answer whether it is signed (AD), as a validating
resolver on this machine does. The exchanger has a certificate by an authority
of ours, which no machine trusts.
"""
import hashlib
import tempfile

from lib.chain import Chain
from lib.dns import (A, AAAA, CNAME, MX, NXDOMAIN, SERVFAIL, LyingDns, a,
                     aaaa, cname, dead, mx, record, refuse)
from lib.fakemx import EXTENSIONS, FakeMx
from lib.relaying import Relaying, wire
from lib.tap import Tap, check, equal

tap = Tap()
TLSA = 52
AUTHENTIC = 0x20
ANSWER, SIGNED = 0x8180, 0x8180 | AUTHENTIC
DOMAIN, HOST = "far.example", "mx.far.example"
TEXT = wire("Subject: hello\n\nHello.\n")


def tlsa(usage, selector, matching, data):
    """The data of a record."""
    digest = {0: lambda x: x, 1: lambda x: hashlib.sha256(x).digest(),
              2: lambda x: hashlib.sha512(x).digest()}
    return bytes((usage, selector, matching)) + digest[matching](data)


def say(*records, secure=True):
    """A lie that may say it is signed."""
    return lambda q: q.answer(*records, flags=SIGNED if secure else ANSWER)


def names(port, records, changes):
    """What the name server says: one exchanger, with such TLSA records."""
    owner = f"_{port}._tcp.{HOST}"
    lies = {
        (DOMAIN, MX): say(mx(DOMAIN, 10, HOST)),
        (HOST, A): say(a(HOST)),
        (HOST, AAAA): say(),
        (owner, TLSA): say(*(record(owner, TLSA, r) for r in records)),
    }
    lies.update(changes)
    return lies


NOTHING = lambda q: q.answer(code=NXDOMAIN, flags=SIGNED)


def carry(pem, records, config="", extensions=EXTENSIONS, lies=None,
          hop=None, domain=DOMAIN, head=""):
    """Sends one message; (its outcome, what the exchanger got, questions)."""
    with FakeMx(pem=pem, extensions=extensions) as hop_mx:
        said = names(hop_mx.port, records,
                     lies(hop_mx.port) if lies else {})
        with LyingDns(said, NOTHING) as dns, Relaying(
                hop(hop_mx.port) if hop else f"mx:{hop_mx.port}",
                f"resolver {dns.address}\n{config}", domain=domain) as relay:
            outcome = relay.send(TEXT, [f"bob@{domain}"], head=head)[0]
            return outcome, list(hop_mx.messages), list(dns.asked)


def sent(got, tls=True, why=""):
    """It was sent, over TLS or not."""
    outcome, messages, _ = got
    equal((outcome.kind, [m.tls for m in messages]), ("sent", [tls]),
          f"{why}: {outcome}")


def waits(got, words, why=""):
    """Not an octet of it was sent, and the reason is known."""
    outcome, messages, _ = got
    equal((outcome.kind, outcome.dsn[:4], messages), ("dead", "4.7.", []),
          f"{why}: {outcome}")
    check(words in outcome.text, f"{why}: {outcome.text}")


def test_server(chain):
    """Usage 3: by certificate or key, whole or as a digest, and not another"""
    pem = chain.server(HOST)
    for selector, data in ((0, chain.leaf_der), (1, chain.spki())):
        for matching in (0, 1, 2):
            why = f"3 {selector} {matching}"
            sent(carry(pem, [tlsa(3, selector, matching, data)]), why=why)
            waits(carry(pem, [tlsa(3, selector, matching, data + b"x")]),
                  "TLSA", why)
            sent(carry(pem, [tlsa(3, selector, matching, b"x" + data),
                             tlsa(3, selector, matching, data)]), why=why)


def test_server_dates_and_name(chain):
    """Usage 3: neither the name nor the dates of the certificate matter"""
    old = ('activation_date = "2001-01-01 00:00:00"\n'
           'expiration_date = "2002-01-01 00:00:00"\n')
    pem = chain.server("other.example", old, chain=False)
    sent(carry(pem, [tlsa(3, 1, 1, chain.spki())]))


def test_authority(chain):
    """Usage 2: an authority in the chain that was sent, name, and dates"""
    for selector, matching in ((0, 0), (0, 1), (0, 2)):
        records = [tlsa(2, selector, matching, chain.ca_der)]
        why = f"2 {selector} {matching}"
        sent(carry(chain.server(HOST), records), why=why)
        sent(carry(chain.server(DOMAIN), records), why=why + ", the domain")
        sent(carry(chain.server("*.far.example"), records), why=why + ", *")
        waits(carry(chain.server("*.example"), records), "is for", why)
        waits(carry(chain.server("other.example"), records), "is for", why)
        waits(carry(chain.server(HOST, chain=False), records), "TLSA", why)
        for dates, words in ((
                ('activation_date = "2001-01-01 00:00:00"\n'
                 'expiration_date = "2002-01-01 00:00:00"\n'), "expired"), (
                ('activation_date = "2090-01-01 00:00:00"\n'
                 'expiration_date = "2091-01-01 00:00:00"\n'),
                "not yet valid")):
            waits(carry(chain.server(HOST, dates), records), words, why)
    # The server's own certificate is no authority.
    pem = chain.server(HOST)
    waits(carry(pem, [tlsa(2, 0, 1, chain.leaf_der)]), "TLSA", "the leaf")


def test_agility(chain):
    """Of the digests of one kind only the strongest counts"""
    pem = chain.server(HOST)
    key = chain.spki()
    good, bad = key, b"x" + key
    sent(carry(pem, [tlsa(3, 1, 1, bad), tlsa(3, 1, 2, good)]))
    waits(carry(pem, [tlsa(3, 1, 1, good), tlsa(3, 1, 2, bad)]), "TLSA")
    sent(carry(pem, [tlsa(3, 1, 0, good), tlsa(3, 1, 2, bad)]), why="whole")
    sent(carry(pem, [tlsa(3, 1, 1, good), tlsa(3, 0, 2, bad)]), why="other")


def test_unusable(chain):
    """Records of which none can be used: TLS, with any certificate"""
    pem = chain.server("other.example")
    key = chain.spki()
    for data in (tlsa(0, 1, 1, b"x"), tlsa(1, 0, 1, b"x"),
                 bytes((4, 1, 1)) + bytes(32), bytes((3, 2, 1)) + bytes(32),
                 bytes((3, 1, 3)) + bytes(32), bytes((3, 1, 1)) + bytes(31),
                 bytes((3, 1, 2)) + bytes(32), bytes((3, 1, 0)),
                 bytes((3, 1)), b""):
        why = data.hex()
        sent(carry(pem, [data]), why=why)
        waits(carry(None, [data]), "STARTTLS", why)
        sent(carry(pem, [data, tlsa(3, 1, 1, key)]), why=why)
        waits(carry(pem, [data, tlsa(3, 1, 1, b"")]), "TLSA", why)


def test_no_starttls(chain):
    """Never in the clear, though STARTTLS is stripped or fails"""
    records = [tlsa(3, 1, 1, chain.spki())]
    waits(carry(None, records), "STARTTLS")


def test_none(chain):
    """No records, or none that are signed: as ever, in the clear as well"""
    pem = chain.server("other.example")
    wrong = [tlsa(3, 1, 1, b"wrong")]
    for pem, tls in ((pem, True), (None, False)):
        sent(carry(pem, [], lies=lambda port: {
            (f"_{port}._tcp.{HOST}", TLSA): NOTHING}), tls, "NXDOMAIN")
        sent(carry(pem, []), tls, "no data")
        sent(carry(pem, wrong, lies=lambda port: {
            (f"_{port}._tcp.{HOST}", TLSA): say(
                record(f"_{port}._tcp.{HOST}", TLSA, wrong[0]),
                secure=False)}), tls, "unsigned")
        sent(carry(pem, wrong, "dane off\n"), tls, "dane off")


def asked_tlsa(got):
    """The names whose TLSA records were asked for, without the port."""
    return [n.split(".", 2)[2] for n, kind, _ in got[2] if kind == TLSA]


def test_unsigned(chain):
    """An exchanger or an address that nobody vouches for: no question"""
    pem = chain.server(HOST)
    wrong = [tlsa(3, 1, 1, b"wrong")]
    for where, lie in (((DOMAIN, MX), say(mx(DOMAIN, 10, HOST),
                                          secure=False)),
                       ((HOST, A), say(a(HOST), secure=False)),
                       ((HOST, AAAA), say(secure=False))):
        got = carry(pem, wrong, lies=lambda _, w=where, l=lie: {w: l})
        sent(got, why=f"{where}")
        equal(asked_tlsa(got), [], f"{where}")


def test_trouble(chain):
    """Nobody can say whether there are records: nothing goes there"""
    pem = chain.server(HOST)
    for lie in (refuse(SERVFAIL), lambda q: q.answer(code=5)):
        waits(carry(pem, [], lies=lambda port, lie=lie: {
            (f"_{port}._tcp.{HOST}", TLSA): lie}), "nobody can say")


def test_silence(chain):
    """A name server that drops the question: nothing goes there"""
    waits(carry(chain.server(HOST), [], lies=lambda port: {
        (f"_{port}._tcp.{HOST}", TLSA): dead}), "nobody can say")


def test_next_host(chain):
    """An exchanger that must not be used is passed over for the next"""
    pem = chain.server(HOST)
    second = "second.far.example"
    for lie in (refuse(SERVFAIL),
                lambda q: q.answer(record(q.name, TLSA,
                                          tlsa(3, 1, 1, b"wrong")),
                                   flags=SIGNED)):
        with FakeMx(pem=pem) as first, FakeMx(
                pem=pem, host="127.0.0.2", port=first.port) as other:
            said = names(first.port, [], {
                (DOMAIN, MX): say(mx(DOMAIN, 10, HOST),
                                  mx(DOMAIN, 20, second)),
                (f"_{first.port}._tcp.{HOST}", TLSA): lie,
                (second, A): say(a(second, "127.0.0.2")),
                (second, AAAA): say()})
            with LyingDns(said, NOTHING) as dns, Relaying(
                    f"mx:{first.port}", f"resolver {dns.address}\n",
                    domain=DOMAIN) as relay:
                outcome = relay.send(TEXT, [f"bob@{DOMAIN}"])[0]
            equal((outcome.kind, len(first.messages), len(other.messages)),
                  ("sent", 0, 1), f"{outcome}")


def test_alias(chain):
    """An exchanger that is an alias: the name at its end first, then its own"""
    pem = chain.server(HOST)
    end = "host.other.example"
    good, wrong = tlsa(3, 1, 1, chain.spki()), tlsa(3, 1, 1, b"wrong")

    def lies(port, secure=True, alias=True, **records):
        said = {(HOST, A): say(cname(HOST, end), a(end), secure=secure),
                (HOST, AAAA): say(cname(HOST, end), secure=secure),
                (HOST, CNAME): say(cname(HOST, end), secure=alias)}
        for host in (HOST, end):
            owner = f"_{port}._tcp.{host}"
            data = records.get("own" if host == HOST else "end")
            said[(owner, TLSA)] = say(record(owner, TLSA, data)) \
                if data else NOTHING
        return said
    got = carry(pem, [], lies=lambda p: lies(p, end=good, own=wrong))
    sent(got, why="at the end")
    equal(asked_tlsa(got), [end])
    got = carry(pem, [], lies=lambda p: lies(p, own=good))
    sent(got, why="its own")
    equal(asked_tlsa(got), [end, HOST])
    waits(carry(pem, [], lies=lambda p: lies(p, own=wrong)), "TLSA")
    # The alias is signed, and what it leads to is not.
    got = carry(pem, [], lies=lambda p: lies(p, secure=False, own=wrong,
                                             end=good))
    waits(got, "TLSA", "an unsigned end")
    equal(asked_tlsa(got), [HOST])
    got = carry(pem, [], lies=lambda p: lies(p, secure=False, alias=False,
                                             own=wrong))
    sent(got, why="nothing signed")
    equal(asked_tlsa(got), [])


def test_without_mx(chain):
    """A domain without MX is its own exchanger"""
    pem = chain.server(DOMAIN)

    def lies(data, secure=True):
        return lambda port: {
            (DOMAIN, MX): say(secure=secure),
            (DOMAIN, A): say(a(DOMAIN)), (DOMAIN, AAAA): say(),
            (f"_{port}._tcp.{DOMAIN}", TLSA): say(
                record(f"_{port}._tcp.{DOMAIN}", TLSA, data))}
    sent(carry(pem, [], lies=lies(tlsa(3, 1, 1, chain.spki()))))
    waits(carry(pem, [], lies=lies(tlsa(3, 1, 1, b"wrong"))), "TLSA")
    sent(carry(pem, [], lies=lies(tlsa(3, 1, 1, b"wrong"), secure=False)))


def test_by_tcp(chain):
    """An answer that is too long for UDP: the same, signed and not"""
    pem = chain.server(HOST)

    def lies(port, secure, data):
        owner = f"_{port}._tcp.{HOST}"

        def lie(q):
            if not q.tcp:
                return q.answer(flags=ANSWER | 0x0200)
            return q.answer(record(owner, TLSA, data),
                            flags=SIGNED if secure else ANSWER)
        return {(owner, TLSA): lie}
    wrong = tlsa(3, 1, 1, b"wrong")
    waits(carry(pem, [], lies=lambda p: lies(p, True, wrong)), "TLSA")
    sent(carry(pem, [], lies=lambda p: lies(p, False, wrong)))
    sent(carry(pem, [], lies=lambda p: lies(
        p, True, tlsa(3, 0, 0, chain.leaf_der))))


def test_named_host(chain):
    """?tls=dane for a host that the configuration names"""
    pem = chain.server(HOST)
    good = tlsa(3, 1, 1, chain.spki())

    def hop(port):
        return f"smtp://{HOST}:{port}?tls=dane"
    sent(carry(pem, [good], hop=hop))
    waits(carry(pem, [tlsa(3, 1, 1, b"wrong")], hop=hop), "TLSA")
    waits(carry(pem, [], hop=hop), "no signed TLSA records")
    waits(carry(pem, [tlsa(1, 1, 1, b"")], hop=hop), "no signed TLSA records")
    got = carry(pem, [good], "dane off\n", hop=hop)
    waits(got, "see the key dane")


def test_ipv6(chain):
    """An exchanger with an address of IPv6 alone"""
    pem = chain.server(HOST)
    for data, good in ((chain.spki(), True), (b"wrong", False)):
        with FakeMx(pem=pem, host="::1") as hop:
            said = names(hop.port, [tlsa(3, 1, 1, data)], {
                (HOST, A): say(), (HOST, AAAA): say(aaaa(HOST))})
            with LyingDns(said, NOTHING) as dns, Relaying(
                    f"mx:{hop.port}", f"resolver {dns.address}\n",
                    domain=DOMAIN) as relay:
                outcome = relay.send(TEXT, [f"bob@{DOMAIN}"])[0]
            equal((outcome.kind, len(hop.messages)),
                  ("sent", 1) if good else ("dead", 0), f"{outcome}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="restante-test-") as place:
        tap.run(globals(), Chain(place))
    tap.finish()

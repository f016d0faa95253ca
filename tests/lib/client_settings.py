# SPDX-License-Identifier: ISC
"""What mail clients read of the files of smtpd --clients.

Each reader takes what its client takes, and raises ValueError where that would
refuse a file, or pass over what is in it.
"""
import plistlib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

HOST = re.compile(r"(?=.{1,253}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
                  r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*")
AUTODISCOVER = "{http://schemas.microsoft.com/exchange/autodiscover/%s}"


@dataclass
class Server:
    """A server, as a client would use it."""

    kind: str
    host: str
    port: int
    tls: bool       # from the first octet
    user: str


def one(element, path):
    """The text of the one element of that path."""
    found = element.findall(path)
    if len(found) != 1 or len(found[0]) or not (found[0].text or "").strip():
        raise ValueError(f"{len(found)} elements {path}")
    return found[0].text.strip()


def choice(text, values):
    """One of the words that are known."""
    if text not in values:
        raise ValueError(f"unknown word {text!r}")
    return text


def hostname(text):
    """A host name as the DNS has it; nothing else is taken."""
    if not HOST.fullmatch(text):
        raise ValueError(f"no host name: {text!r}")
    return text


def port(text):
    """A port."""
    if not re.fullmatch(r"\d{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"no port: {text!r}")
    return int(text)


# ---- Thunderbird, configuration file format 1.1 ----

def thunderbird_server(element, kinds, address):
    """An incomingServer or outgoingServer, for that address."""
    local, _, domain = address.partition("@")
    user = one(element, "username")
    for name, value in (("EMAILADDRESS", address), ("EMAILLOCALPART", local),
                        ("EMAILDOMAIN", domain)):
        user = user.replace(f"%{name}%", value)
    if "%" in user:
        raise ValueError(f"unknown placeholder: {user}")
    socket = choice(one(element, "socketType"), ("plain", "SSL", "STARTTLS"))
    choice(one(element, "authentication"),
           ("password-cleartext", "password-encrypted", "NTLM", "GSSAPI",
            "client-IP-address", "TLS-client-cert", "OAuth2", "none"))
    if socket == "plain":
        raise ValueError("a password in the clear")
    return Server(choice(element.get("type"), kinds),
                  hostname(one(element, "hostname")),
                  port(one(element, "port")), socket == "SSL", user)


def thunderbird(data, address):
    """(domains, display name, incoming, outgoing)"""
    root = ET.fromstring(data)
    if root.tag != "clientConfig" or root.get("version") != "1.1":
        raise ValueError(f"root: {root.tag} {root.attrib}")
    provider = root.find("emailProvider")
    hostname(provider.get("id"))
    domains = [hostname(d.text) for d in provider.findall("domain")]
    incoming = provider.findall("incomingServer")
    outgoing = provider.findall("outgoingServer")
    if not domains or not incoming or not outgoing:
        raise ValueError("something is missing")
    for options in provider.findall("incomingServer/pop3"):
        for name in ("leaveMessagesOnServer", "downloadOnBiff"):
            choice(one(options, name), ("true", "false"))
        int(one(options, "daysToLeaveMessagesOnServer"))
        int(options.find("checkInterval").get("minutes"))
    return (domains, one(provider, "displayName"),
            [thunderbird_server(s, ("pop3", "imap"), address)
             for s in incoming],
            [thunderbird_server(s, ("smtp",), address) for s in outgoing])


# ---- Outlook, the response of Autodiscover for POX ----

def outlook(data, address):
    """The servers by type."""
    root = ET.fromstring(data)
    outer, inner = (AUTODISCOVER % n for n in
                    ("responseschema/2006", "outlook/responseschema/2006a"))
    if root.tag != outer + "Autodiscover":
        raise ValueError(f"root: {root.tag}")
    account = root.find(f"{inner}Response/{inner}Account")
    if account is None:
        raise ValueError("no account")
    choice(one(account, inner + "AccountType"), ("email",))
    choice(one(account, inner + "Action"), ("settings",))
    servers = {}
    for protocol in account.findall(inner + "Protocol"):
        kind = choice(one(protocol, inner + "Type"), ("POP3", "SMTP", "IMAP"))
        for name in ("DomainRequired", "SPA", "SSL", "AuthRequired"):
            choice(one(protocol, inner + name), ("on", "off"))
        name = protocol.find(inner + "LoginName")
        servers[kind] = Server(
            kind.lower(), hostname(one(protocol, inner + "Server")),
            port(one(protocol, inner + "Port")),
            one(protocol, inner + "SSL") == "on",
            address if name is None else name.text)
    return servers


# ---- Apple, a configuration profile ----

def apple(data):
    """(profile, account, incoming, outgoing)"""
    profile = plistlib.loads(data, fmt=plistlib.FMT_XML)
    (account,) = profile["PayloadContent"]
    uuids = [p["PayloadUUID"] for p in (profile, account)]
    names = [p["PayloadIdentifier"] for p in (profile, account)]
    if len({*uuids}) != 2 or len({*names}) != 2 or not all(
            re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", u)
            for u in uuids):
        raise ValueError(f"{uuids} {names}")
    if (profile["PayloadType"], profile["PayloadVersion"],
            account["PayloadType"], account["PayloadVersion"]
            ) != ("Configuration", 1, "com.apple.mail.managed", 1):
        raise ValueError("types")
    incoming = {"EmailTypePOP": "pop3", "EmailTypeIMAP": "imap"}[
        account["EmailAccountType"]]
    servers = []
    for way, kind in (("Incoming", incoming), ("Outgoing", "smtp")):
        part = {k.removeprefix(f"{way}MailServer"): v
                for k, v in account.items()
                if k.startswith(f"{way}MailServer")}
        if part["Authentication"] != "EmailAuthPassword" or \
                not isinstance(part["PortNumber"], int):
            raise ValueError(f"{part}")
        servers.append(Server(kind, hostname(part["HostName"]),
                              part["PortNumber"], part["UseSSL"],
                              part["Username"]))
    return (profile, account, *servers)
